#include <unistd.h>

#include "cli/commands/build.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "core/base64.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxPrompt = 768 * 1024;
constexpr std::size_t kMaxLine = 1024 * 1024;
constexpr Millis kStartLimit = std::chrono::minutes(5);

Result<std::string> read_input() {
  std::string out;
  while (out.size() <= kMaxPrompt) {
    char buffer[64 * 1024];
    auto n = ::read(0, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read standard input", "cli");
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return Error{Code::too_large,
               "standard input has more than the " + format_size(kMaxPrompt) + " that a prompt may have",
               "cli", false};
}

// A prompt is text; what is none travels as its replacement character.
std::string as_utf8(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  say_error("standard input is not UTF-8; what is none of it is replaced");
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t length = 1;
    while (length <= 4 && at + length <= bytes.size() && !is_utf8({bytes.data() + at, length})) ++length;
    bool good = length <= 4 && at + length <= bytes.size();
    out += good ? bytes.substr(at, length) : "\xEF\xBF\xBD";
    at += good ? length : 1;
  }
  return out;
}

Result<std::string> prompt_of(const Arguments& arguments) {
  const auto& words = arguments.positionals();
  auto prompt = join(std::vector<std::string>(words.begin() + 1, words.end()), " ");
  if (!arguments.has("no-stdin") && ::isatty(0) == 0) {
    BRIG_TRY(auto input, read_input());
    if (!prompt.empty() && !input.empty()) prompt += "\n\n";
    prompt += as_utf8(input);
  }
  if (!prompt.empty()) return prompt;
  return Error{Code::invalid, "there is no prompt; give it as an argument, on standard input, or both",
               "usage", false};
}

Result<nlohmann::json> ask_body(const Context& context, const Arguments& arguments) {
  nlohmann::json body{{"provider", arguments.positionals()[0]}};
  BRIG_TRY(body["prompt"], prompt_of(arguments));
  for (const char* name : {"identity", "profile", "image", "mesh"}) {
    if (auto value = arguments.get(name)) body[name] = *value;
  }
  BRIG_TRY(auto limit, arguments.duration("timeout"));
  if (limit) body["timeout"] = arguments.get("timeout", "");
  if (auto text = arguments.get("max-output")) {
    BRIG_TRY(auto bytes, parse_size(*text));
    body["max_output"] = bytes;
  }
  BRIG_TRY(auto policy, policy_of(arguments));
  if (!policy.is_null()) body["policy"] = std::move(policy);
  BRIG_TRY(auto env, environment_of(context, arguments));
  if (!env.empty()) body["env"] = std::move(env);
  return body;
}

// What an answer says to a terminal is text, and moves no cursor.
std::string for_terminal(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    bool c1 = u >= 0x80 && u < 0xA0 && out.ends_with('\xC2');
    if (c1) out.pop_back();
    if (!c1 && ((u >= 0x20 && u != 0x7F) || c == '\n' || c == '\t')) out += c;
  }
  return out;
}

Result<void> write_out(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot write the answer", "cli");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

class Lines {
 public:
  // False: enough.
  bool take(std::string_view part) {
    pending_ += part;
    for (auto end = pending_.find('\n'); end != std::string::npos && result; end = pending_.find('\n')) {
      result = line(std::string_view(pending_).substr(0, end));
      pending_.erase(0, end + 1);
    }
    if (pending_.size() > kMaxLine) result = broken();
    return result.ok();
  }

  Result<void> result;
  nlohmann::json outcome;

 private:
  static Error broken() { return {Code::protocol, "brigd's answer is not what it should be", "cli", false}; }

  Result<void> line(std::string_view text) {
    auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return broken();
    if (auto failed = json.find("error"); failed != json.end())
      return problem_to_error(500, failed->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (auto end = json.find("end"); end != json.end() && end->is_object()) {
      outcome = end->value("outcome", nlohmann::json::object());
      return {};
    }
    auto bytes = text_of(json, "data");
    if (auto coded = text_of(json, "data_b64"); !coded.empty()) {
      auto decoded = decode_base64(coded, Base64::standard);
      if (!decoded)
        return Error{Code::protocol, "brigd's answer has base64 in it that is none", "client", false};
      bytes = std::move(*decoded);
    }
    int fd = text_of(json, "stream") == "stderr" ? 2 : 1;
    return write_out(fd, ::isatty(fd) != 0 ? for_terminal(bytes) : bytes);
  }

  std::string pending_;
};

int exit_code_of(const nlohmann::json& outcome) {
  auto code = number_of(outcome, "exit_code");
  auto detail = text_of(outcome, "detail");
  if (code != 0 && !detail.empty()) say_error(printable(detail, 1024));
  return static_cast<int>(std::min<std::uint64_t>(code, 255));
}

Result<int> ask_document(Client& client, const nlohmann::json& body) {
  BRIG_TRY(auto answer, client.call("POST", "/v1/oneshot", body, std::chrono::hours(2)));
  print_json(answer);
  return exit_code_of(answer.value("outcome", nlohmann::json::object()));
}

Result<int> ask_lines(Client& client, const nlohmann::json& body) {
  Lines lines;
  auto take = [&lines](std::string_view part) { return lines.take(part); };
  auto streamed = client.stream("POST", "/v1/oneshot?format=ndjson", body, take, kStartLimit);
  BRIG_CHECK(lines.result);
  BRIG_CHECK(streamed);
  if (lines.outcome.is_null())
    return Error{Code::unavailable, "the answer broke off; brigd may have been restarted", "cli", true};
  return exit_code_of(lines.outcome);
}

Result<int> ask(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto body, ask_body(context, arguments));
  BRIG_TRY(Client * client, context.client());
  auto once = [&] { return arguments.json() ? ask_document(*client, body) : ask_lines(*client, body); };
  auto asked = once();
  if (asked || asked.error().code != Code::not_found || body.contains("image")) return asked;
  std::string provider = body["provider"];
  auto missing = image_is_missing(*client, provider);
  if (!missing || !*missing) return asked;
  say_error("the image of " + quoted(provider) + " is not built yet; building it now, this once");
  BRIG_TRY(auto image, build_image(context, provider, false));
  return once();
}

constexpr PositionalSpec kPositionals[] = {
    {.name = "PROVIDER", .help = "whom to ask: claude, codex, …", .complete = "provider"},
    {.name = "PROMPT", .help = "what is asked; standard input comes after it", .arity = Arity::any},
};

constexpr OptionSpec kOptions[] = {
    {.flags = "--identity",
     .value = "IDENTITY",
     .help = "which of your accounts at the provider (default: 'brig identity ls' says which)"},
    {.flags = "--timeout",
     .value = "DURATION",
     .help = "give it this long, start and all, at most 1h (default 2m)"},
    {.flags = "--max-output",
     .value = "SIZE",
     .help = "end it when it prints more (default 1M, at most 16M)"},
    {.flags = "-n,--no-stdin", .help = "leave standard input alone"},
    {.flags = "--profile",
     .value = "PROFILE",
     .help = "the policy profile (default: the provider's)",
     .complete = "profile"},
    {.flags = "--image", .value = "IMAGE", .help = "an image at the engine, instead of the provider's"},
    {.flags = "--runtime",
     .value = "RUNTIME",
     .help = "how to isolate it: runc, crun or runsc",
     .complete = "runc|crun|runsc"},
    {.flags = "-m,--memory", .value = "SIZE", .help = "memory limit, such as 2G; never above the profile's"},
    kAllowOption,
    kDenyOption,
    kEnvOption,
    {.flags = "--mesh", .value = "MESH", .help = "the mesh (a tenant) it belongs to; admins may choose"},
    {.flags = "--json", .help = "print text, stderr and outcome as one JSON document when it is over"},
};

constexpr Example kExamples[] = {
    {"brig ask claude \"one line commit message\" < diff.txt", "a question about what is on standard input"},
    {"git diff --staged | brig ask codex --timeout 30s \"review this\" > review.txt", "in a pipe"},
    {"brig ask claude --identity Work --json < question.txt", "with another account, for a program"},
};

}  // namespace

constexpr CommandSpec kAsk = {
    .name = "ask",
    .summary = "Ask a provider one question: a prompt in, text out, the sandbox gone.",
    .description =
        "Runs the provider's one-shot command in a sandbox of its own: no project, no tools, no session. The "
        "prompt goes in on standard input, never on a command line of this host. The answer is printed as it "
        "comes.\n"
        "brig exits with the command's own exit code; with 124 if it did not answer in time, with 74 if it "
        "printed too much. Ctrl-c ends it and takes everything away.",
    .positionals = kPositionals,
    .options = kOptions,
    .examples = kExamples,
    .run = ask,
};

}  // namespace brig::cli
