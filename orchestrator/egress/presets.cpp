#include "egress/presets.hpp"

#include <unistd.h>

#include "core/text.hpp"
#include "process/process.hpp"

namespace brig::egress {
namespace {

constexpr auto kKeep = std::chrono::minutes(1);
constexpr Millis kPatience{30'000};

struct Question {
  std::string program;
  std::vector<std::string> args;
};

// What is printed has the URLs of everything the tool fetches from.
std::vector<Question> questions_for(policy::Preset preset) {
  switch (preset) {
    case policy::Preset::npm:
      return {{"npm", {"config", "get", "registry"}}, {"npm", {"config", "list"}}};
    case policy::Preset::pip:
      // Where nothing is configured, pip's own source says where it goes.
      return {{"python3",
               {"-c",
                "from pip._internal.configuration import Configuration\n"
                "from pip._internal.models.index import PyPI\n"
                "c = Configuration(isolated=False); c.load()\n"
                "v = dict(c.items())\n"
                "urls = [v[k] for k in v if k.rsplit('.', 1)[-1] in ('index-url', 'extra-index-url')]\n"
                "if not any(k.endswith('.index-url') for k in v):\n"
                "  urls += [PyPI.simple_url, 'https://' + PyPI.file_storage_domain]\n"
                "print('\\n'.join(urls))"}}};
    case policy::Preset::apt:
      return {{"apt-get", {"indextargets", "--format", "$(REPO_URI)"}}};
    case policy::Preset::provider:
      break;
  }
  return {};
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** at = ::environ; *at; ++at) {
    std::string_view variable = *at;
    auto equals = variable.find('=');
    if (equals != std::string_view::npos)
      out.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return out;
}

}  // namespace

std::vector<Rule> rules_of_urls(std::string_view text) {
  std::vector<Rule> out;
  for (std::string_view scheme : {"http://", "https://"}) {
    for (auto at = text.find(scheme); at != std::string_view::npos; at = text.find(scheme, at + 1)) {
      auto rest = text.substr(at + scheme.size());
      rest = rest.substr(0, rest.find_first_of(std::string_view("/?#\"' \t\r\n\0", 10)));
      if (auto user = rest.rfind('@'); user != std::string_view::npos) rest.remove_prefix(user + 1);
      auto target = read_target(rest);
      if (!target) {
        auto host = read_host(rest);
        if (!host) continue;
        target = Target{*host, static_cast<std::uint16_t>(scheme == "http://" ? 80 : 443)};
      }
      auto rule = read_rule(to_string(target->host, target->port), Verb::allow);
      if (rule) out.push_back(std::move(*rule));
    }
  }
  return fewest(std::move(out));
}

net::Task<Result<std::vector<Rule>>> HostPresets::rules(policy::Preset preset) {
  auto now = std::chrono::steady_clock::now();
  if (auto it = known_.find(preset); it != known_.end() && it->second.until > now) co_return it->second.rules;
  auto env = environment();
  std::string said;
  for (auto& question : questions_for(preset)) {
    auto program = process::find_program(question.program, env["PATH"]);
    if (!program)
      co_return Error{Code::unsupported,
                      "egress preset " + quoted(policy::to_string(preset)) + " needs this host's own " +
                          question.program +
                          ", which knows its registries; install it, or name them with --allow",
                      "egress", false};
    process::Command command;
    command.program = *program;
    command.args = std::move(question.args);
    command.env = env;
    command.deadline = Deadline::in(kPatience);
    BRIG_CO_TRY(auto finished, co_await process::run(std::move(command)));
    if (!finished.ok()) co_return process::failure(question.program, finished);
    said += finished.output + "\n";
  }
  auto rules = rules_of_urls(said);
  if (rules.empty())
    co_return Error{Code::invalid,
                    "egress preset " + quoted(policy::to_string(preset)) +
                        " found no registry in this host's configuration; name it with --allow",
                    "egress", false};
  known_[preset] = {rules, now + kKeep};
  co_return rules;
}

}  // namespace brig::egress
