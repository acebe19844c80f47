#include "cli/commands/common.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "cli/exit_codes.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "core/names.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

Error invalid(std::string message) {
  return Error{Code::invalid, std::move(message), "cli", false};
}

}  // namespace

std::string text_of(const nlohmann::json& json, const char* key) {
  if (!json.is_object()) return {};
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::uint64_t number_of(const nlohmann::json& json, const char* key) {
  if (!json.is_object()) return 0;
  auto at = json.find(key);
  return at != json.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

const nlohmann::json& list_of(const nlohmann::json& json, const char* key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  if (!json.is_object()) return kEmpty;
  auto at = json.find(key);
  return at != json.end() && at->is_array() ? *at : kEmpty;
}

void add_fact(std::string& out, const Style& style, std::string name, const std::string& value,
              Colour colour) {
  if (value.empty()) return;
  name.resize(std::max<std::size_t>(name.size() + 1, 14), ' ');
  out += style.paint(Colour::bold, name) + style.paint(colour, printable(value, 4096)) + "\n";
}

std::string session_path(std::string_view ref) {
  return "/v1/sessions/" + percent_encode(ref);
}

Result<nlohmann::json> environment_of(const Context& context, const Arguments& arguments) {
  auto out = nlohmann::json::object();
  for (const auto& given : arguments.all("env")) {
    auto equals = given.find('=');
    std::string name = given.substr(0, equals);
    BRIG_CHECK(check_env_name("--env", name));
    if (equals != std::string::npos) {
      out[name] = given.substr(equals + 1);
      continue;
    }
    auto value = context.environment()(name.c_str());
    if (!value) {
      return invalid("--env " + name +
                     " has no value, and your own environment has no variable of that name; write " + name +
                     "=VALUE");
    }
    out[name] = *value;
  }
  return out;
}

Result<nlohmann::json> labels_of(const std::vector<std::string>& labels, const char* option) {
  auto out = nlohmann::json::object();
  for (const auto& given : labels) {
    auto equals = given.find('=');
    if (equals == std::string::npos) {
      return invalid(std::string(option) + " " + quoted(given) + " has no value; write KEY=VALUE");
    }
    BRIG_CHECK(check_label_key(option, given.substr(0, equals)));
    out[given.substr(0, equals)] = given.substr(equals + 1);
  }
  return out;
}

Result<nlohmann::json> policy_of(const Arguments& arguments) {
  nlohmann::json out;
  if (auto runtime = arguments.get("runtime")) {
    constexpr std::string_view kRuntimes[] = {"runc", "crun", "runsc"};
    if (std::find(std::begin(kRuntimes), std::end(kRuntimes), *runtime) == std::end(kRuntimes)) {
      return invalid("--runtime " + quoted(*runtime) + " is not known" + did_you_mean(*runtime, kRuntimes) +
                     "; there are runc, crun and runsc");
    }
    out["runtime"] = *runtime;
  }
  for (const char* name : {"memory", "disk"}) {
    auto given = arguments.get(name);
    if (!given) continue;
    auto size = parse_size(*given);
    if (!size) return invalid("--" + std::string(name) + ": " + size.error().message);
    out["limits"][name] = *size;
  }
  if (auto cpus = arguments.get("cpus")) {
    double value = 0;
    auto [end, ec] =
        std::from_chars(cpus->data(), cpus->data() + cpus->size(), value, std::chars_format::fixed);
    if (ec != std::errc() || end != cpus->data() + cpus->size() || !(value > 0 && value < 10'000)) {
      return invalid("--cpus wants a number such as 2 or 0.5, not " + quoted(*cpus));
    }
    out["limits"]["cpus"] = value;
  }
  BRIG_TRY(auto pids, arguments.number("pids", 4'000'000));
  if (pids) out["limits"]["pids"] = *pids;
  for (const char* name : {"allow", "deny"})
    for (const auto& rule : arguments.all(name)) out["egress"][name].push_back(rule);
  for (const auto& preset : arguments.all("preset")) out["egress"]["presets"].push_back(preset);
  if (arguments.has("ask")) out["egress"]["ask"] = true;
  return out;
}

// "header x-api-key of api.example.com:443, from ANTHROPIC_API_KEY"
std::string credential_text(const nlohmann::json& credential) {
  std::string what;
  for (const char* place : {"header", "query", "basic"})
    if (auto name = credential.find(place); name != credential.end() && name->is_string())
      what = std::string(place == std::string_view("query")   ? "parameter "
                         : place == std::string_view("basic") ? "password of user "
                                                              : "header ") +
             name->get<std::string>();
  auto key = text_of(credential, "value");
  if (key.starts_with("$vault:")) key = key.substr(7);
  return what + " of " + text_of(credential, "host") + ", from " + key +
         (credential.value("optional", nlohmann::json(false)) == true ? " (where the vault has it)" : "");
}

Result<Console> console_of(const Arguments& arguments) {
  if (arguments.has("tty") && arguments.has("no-tty"))
    return invalid("--tty and --no-tty exclude each other; say one");
  Console out;
  bool have = ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
  out.process_terminal = arguments.has("tty") || (have && !arguments.has("no-tty"));
  out.raw = have && out.process_terminal;
  if (out.process_terminal) {
    auto size = window_size(STDOUT_FILENO).value_or(WindowSize{});
    out.size = {{"rows", size.rows}, {"cols", size.cols}};
  }
  return out;
}

Result<DetachKeys> detach_keys_of(const Arguments& arguments) {
  return DetachKeys::parse(arguments.get("detach-keys", "ctrl-p,ctrl-q"));
}

Result<int> attach_and_exit(Context& context, AttachRequest request, const std::string& shown) {
  BRIG_TRY(Client * client, context.client());
  request.reconnect = reconnect_limit(context.environment());
  bool tell = request.tell_outcome;
  BRIG_TRY(AttachEnd end, attach(*client, std::move(request)));
  switch (end.kind) {
    case AttachEnd::Kind::unread:
      die_of(SIGPIPE);
    case AttachEnd::Kind::interrupted:
      return kExitSignalBase + end.signal;
    case AttachEnd::Kind::complete:
      return 0;
    case AttachEnd::Kind::detached:
      if (end.signal != 0) return kExitSignalBase + end.signal;
      say_error("left " + printable(shown) + " running; 'brig attach " + printable(shown) + "' comes back");
      return 0;
    case AttachEnd::Kind::ended:
      if (!tell) return 0;
  }
  const auto& outcome = end.outcome;
  std::string detail = outcome.detail.empty() ? "" : ": " + outcome.detail;
  if (outcome.kind == "out_of_memory")
    say_error("the sandbox was killed at its memory limit; --memory asks for more" + detail);
  if (outcome.kind == "expired") say_error("the session was ended" + detail);
  if (outcome.kind == "spawn_failed") say_error("the command could not be started" + detail);
  if (outcome.kind == "failed") say_error("the sandbox failed" + detail);
  if (outcome.kind == "lost")
    say_error("the sandbox was lost" + (detail.empty() ? ": the engine no longer has it" : detail));
  return outcome.exit_code;
}

std::string outcome_text(const nlohmann::json& outcome) {
  if (!outcome.is_object()) return {};
  std::string kind = text_of(outcome, "kind");
  Outcome parsed = outcome_from_json(outcome);
  if (kind == "exited") return "exited " + std::to_string(parsed.exit_code);
  if (kind == "signaled" || kind == "stopped") {
    auto signal = outcome.find("signal");
    int number = signal != outcome.end() && signal->is_number_integer() ? signal->get<int>() : 0;
    std::string name = number > 0 ? signal_name(number) : "";
    if (kind == "stopped") return "stopped";
    return "killed by " + (name.empty() ? "signal " + std::to_string(number) : "SIG" + name);
  }
  if (kind == "spawn_failed") return "could not start";
  if (kind == "out_of_memory") return "out of memory";
  if (kind == "expired") return "expired";
  return parsed.kind;
}

}  // namespace brig::cli
