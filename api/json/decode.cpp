#include "api/json/decode.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/names.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxArguments = 1024;
constexpr std::size_t kMaxArgument = 128 * 1024;  // the kernel's own
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxLabels = 32;
constexpr std::size_t kMaxLabel = 256;
constexpr std::size_t kMaxVariables = 256;
constexpr std::uint64_t kMaxGrace = 600'000;
constexpr std::uint64_t kDefaultGrace = 10'000;

std::vector<session::EnvVar> read_env(Object& top) {
  std::vector<session::EnvVar> out;
  for (auto& [name, value] : top.table("env", kMaxVariables, kMaxArgument)) {
    top.check("env", check_env_name("env", name));
    out.push_back({name, Secret(value)});
    value.assign(value.size(), '\0');
  }
  return out;
}

policy::Request read_policy(Object& top) {
  const auto* value = top.raw("policy");
  if (!value) return {};
  if (!value->is_object()) {
    top.fail("policy", "policy must be an object");
    return {};
  }
  auto request = policy::parse_request(*value);
  if (!request) {
    top.fail("policy", request.error().message);
    return {};
  }
  return std::move(*request);
}

std::map<std::string, std::string> read_labels(Object& top) {
  auto labels = top.table("labels", kMaxLabels, kMaxLabel);
  for (const auto& [key, value] : labels) {
    top.check("labels", check_label_key("labels", key));
    if (printable(value, 4 * kMaxLabel) != value)
      top.fail("labels", "the label " + brig::quoted(key) + " has control characters in its value");
  }
  return labels;
}

std::string read_name(Object& top, const char* key) {
  auto name = top.text(key, {.required = true, .max = kMaxName}).value_or("");
  top.check(key, check_name(key, name));
  return name;
}

// How long something may last.
std::optional<Millis> read_bound(Object& top, std::string_view key,
                                 Millis most = std::chrono::hours(24 * 3650)) {
  auto text = top.text(key, {.max = 64});
  if (!text) return std::nullopt;
  auto duration = parse_duration(*text);
  if (!duration) {
    top.fail(key, duration.error().message);
    return std::nullopt;
  }
  if (*duration < std::chrono::seconds(1) || *duration > most)
    top.fail(key,
             std::string(key) + " " + brig::quoted(*text) + " must be from 1s to " + format_duration(most));
  return *duration;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t out = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

void refuse(std::optional<Failure>& failure, std::string_view field, std::string message) {
  if (!failure)
    failure = Failure{Error{Code::invalid, std::move(message), "query", false}, 0, std::string(field), {}};
}

struct SignalName {
  std::string_view name;
  int number;
};
constexpr SignalName kSignals[] = {
    {"HUP", 1},     {"INT", 2},   {"QUIT", 3},   {"ILL", 4},   {"TRAP", 5},  {"ABRT", 6},
    {"BUS", 7},     {"FPE", 8},   {"KILL", 9},   {"USR1", 10}, {"SEGV", 11}, {"USR2", 12},
    {"PIPE", 13},   {"ALRM", 14}, {"TERM", 15},  {"CHLD", 17}, {"CONT", 18}, {"STOP", 19},
    {"TSTP", 20},   {"TTIN", 21}, {"TTOU", 22},  {"URG", 23},  {"XCPU", 24}, {"XFSZ", 25},
    {"VTALRM", 26}, {"PROF", 27}, {"WINCH", 28}, {"IO", 29},   {"SYS", 31},
};

}  // namespace

int signal_number(std::string_view word) {
  if (auto number = whole_number(word)) return *number >= 1 && *number <= 64 ? static_cast<int>(*number) : 0;
  if (word.starts_with("SIG")) word.remove_prefix(3);
  for (const auto& signal : kSignals)
    if (signal.name == word) return signal.number;
  return 0;
}

std::optional<session::TerminalSize> read_terminal(Object object) {
  if (!object.present()) return std::nullopt;
  auto rows = object.number("rows", 1, 65535, true);
  auto cols = object.number("cols", 1, 65535, true);
  object.finish();
  if (!rows || !cols) return std::nullopt;
  return session::TerminalSize{static_cast<std::uint16_t>(*rows), static_cast<std::uint16_t>(*cols)};
}

session::CreateSpec decode_create(Body& body) {
  auto top = body.object();
  session::CreateSpec out;
  out.provider = top.text("provider", {.required = true, .max = kMaxName}).value_or("");
  out.name = top.text("name", {.max = kMaxName}).value_or("");
  if (!out.name.empty()) top.check("name", check_name("name", out.name));
  out.project = top.text("project", {.max = kMaxPath});
  if (out.project && !out.project->starts_with('/'))
    top.fail("project", "project " + brig::quoted(*out.project) + " must be an absolute path");
  if (auto git = top.object("git"); git.present()) {
    out.git.emplace();
    out.git->url = git.text("url", {.required = true, .max = 2048}).value_or("");
    out.git->ref = git.text("ref", {.max = 255}).value_or("");
    git.finish();
    if (out.project) top.fail("git", "git and project exclude each other; say one");
  }
  out.profile = top.text("profile", {.max = kMaxName}).value_or("");
  out.request = read_policy(top);
  out.args = top.texts("args", kMaxArguments, {.max = kMaxArgument});
  out.env = read_env(top);
  out.terminal = read_terminal(top.object("terminal"));
  out.stdin_open = top.flag("stdin_open").value_or(false);
  out.labels = read_labels(top);
  out.ttl = read_bound(top, "ttl");
  out.idle = read_bound(top, "idle");
  out.mesh = top.text("mesh", {.max = kMaxName}).value_or("");
  if (!out.mesh.empty()) top.check("mesh", check_name("mesh", out.mesh));
  out.image = top.text("image", {.max = 255}).value_or("");
  out.binary = top.text("binary", {.max = kMaxPath}).value_or("");
  out.identity = top.text("identity", {.max = kMaxName}).value_or("");
  out.volumes = read_volumes(top);
  out.overlays = read_overlays(top);
  out.credentials = read_credentials(top);
  out.remove_when_ended = top.flag("remove_when_ended").value_or(false);
  top.finish();
  return out;
}

session::AskSpec decode_ask(Body& body) {
  auto top = body.object();
  session::AskSpec out;
  out.provider = top.text("provider", {.required = true, .max = kMaxName}).value_or("");
  auto prompt = top.text("prompt", {.required = true, .max = session::AskSpec::kMaxPrompt}).value_or("");
  out.prompt = Secret(prompt);
  ::explicit_bzero(prompt.data(), prompt.size());
  out.identity = top.text("identity", {.max = kMaxName}).value_or("");
  out.image = top.text("image", {.max = 255}).value_or("");
  out.profile = top.text("profile", {.max = kMaxName}).value_or("");
  out.request = read_policy(top);
  out.mesh = top.text("mesh", {.max = kMaxName}).value_or("");
  if (!out.mesh.empty()) top.check("mesh", check_name("mesh", out.mesh));
  out.env = read_env(top);
  out.limit = read_bound(top, "timeout", std::chrono::hours(1)).value_or(out.limit);
  out.max_output =
      top.number("max_output", 1, session::AskSpec::kMaxOutput).value_or(std::uint64_t{out.max_output});
  top.finish();
  return out;
}

session::ProcessSpec decode_exec(Body& body) {
  auto top = body.object();
  session::ProcessSpec out;
  out.argv = top.texts("argv", kMaxArguments, {.required = true, .max = kMaxArgument});
  if (!out.argv.empty() && out.argv[0].empty()) top.fail("argv", "argv[0] is empty; name the program to run");
  out.env = read_env(top);
  out.cwd = top.text("cwd", {.max = kMaxPath}).value_or(out.cwd);
  if (!out.cwd.starts_with('/'))
    top.fail("cwd", "cwd " + brig::quoted(out.cwd) + " must be an absolute path");
  out.terminal = read_terminal(top.object("terminal"));
  out.stdin_open = top.flag("stdin_open").value_or(false);
  top.finish();
  return out;
}

Millis decode_stop(Body& body) {
  auto top = body.object();
  auto grace = top.number("grace_ms", 0, kMaxGrace).value_or(kDefaultGrace);
  top.finish();
  return Millis{static_cast<Millis::rep>(grace)};
}

std::string decode_checkpoint(Body& body) {
  auto top = body.object();
  auto name = read_name(top, "name");
  top.finish();
  return name;
}

session::RestoreSpec decode_restore(Body& body) {
  auto top = body.object();
  session::RestoreSpec out;
  out.checkpoint = read_name(top, "checkpoint");
  out.env = read_env(top);
  top.finish();
  return out;
}

session::ForkSpec decode_fork(Body& body) {
  auto top = body.object();
  session::ForkSpec out;
  out.name = top.text("name", {.max = kMaxName}).value_or("");
  if (!out.name.empty()) top.check("name", check_name("name", out.name));
  out.checkpoint = top.text("checkpoint", {.max = kMaxName});
  if (out.checkpoint) top.check("checkpoint", check_name("checkpoint", *out.checkpoint));
  out.env = read_env(top);
  out.labels = read_labels(top);
  top.finish();
  return out;
}

int decode_signal(Body& body) {
  auto top = body.object();
  auto word = top.text("signal", {.required = true, .max = 16});
  top.finish();
  if (!word) return 0;
  int number = signal_number(*word);
  if (number == 0)
    top.fail("signal", "signal " + brig::quoted(*word) +
                           " is unknown; write a name such as TERM or a number from 1 to 64");
  return number;
}

ExplainSpec decode_explain(Body& body) {
  auto top = body.object();
  ExplainSpec out;
  out.provider = top.text("provider", {.max = kMaxName}).value_or("");
  out.profile = top.text("profile", {.max = kMaxName}).value_or("");
  out.request = read_policy(top);
  top.finish();
  return out;
}

PreviewSpec decode_preview(Body& body) {
  auto top = body.object();
  PreviewSpec out;
  out.port = static_cast<std::uint16_t>(top.number("port", 1, 65535, true).value_or(0));
  out.expires_in = read_bound(top, "expires_in", std::chrono::hours(24 * 30)).value_or(std::chrono::hours(8));
  top.finish();
  return out;
}

bool decode_build(Body& body) {
  auto top = body.object();
  bool no_cache = top.flag("no_cache").value_or(false);
  top.finish();
  return no_cache;
}

bool query_flag(const Request& request, std::string_view name, std::optional<Failure>& failure) {
  const auto* value = request.parameter(name);
  if (!value || *value == "0" || *value == "false") return false;
  if (value->empty() || *value == "1" || *value == "true") return true;
  refuse(failure, name, std::string(name) + " must be 1 or 0, not " + brig::quoted(*value));
  return false;
}

std::optional<std::uint64_t> query_number(const Request& request, std::string_view name, std::uint64_t least,
                                          std::uint64_t most, std::optional<Failure>& failure) {
  const auto* value = request.parameter(name);
  if (!value) return std::nullopt;
  auto number = whole_number(*value);
  if (number && *number >= least && *number <= most) return number;
  refuse(failure, name,
         std::string(name) + " must be a whole number from " + std::to_string(least) + " to " +
             std::to_string(most) + ", not " + brig::quoted(*value));
  return std::nullopt;
}

void query_from(const Request& request, session::AttachSpec& spec, std::optional<Failure>& failure) {
  using From = session::AttachSpec::From;
  const auto* value = request.parameter("from");
  if (!value || *value == "start") {
    spec.from = From::start;
  } else if (*value == "end") {
    spec.from = From::end;
  } else if (auto offset = whole_number(*value)) {
    spec.from = From::offset;
    spec.offset = *offset;
  } else {
    refuse(failure, "from", "from must be start, end or an offset, not " + brig::quoted(*value));
  }
}

std::uint32_t path_number(const Request& request, std::optional<Failure>& failure) {
  auto text = request.path.at("number");
  auto number = whole_number(text);
  if (number && *number >= 1 && *number <= std::numeric_limits<std::uint32_t>::max())
    return static_cast<std::uint32_t>(*number);
  refuse(failure, "number", "a process's number is a whole number from 1, not " + brig::quoted(text));
  return 0;
}

constexpr std::size_t kMaxPaths = 10'000;
constexpr std::size_t kMaxSpelled = 4 * kMaxPath;  // every byte may be written \xNN

review::ApplySpec decode_apply(Body& body) {
  auto top = body.object();
  review::ApplySpec spec;
  spec.paths = top.texts("paths", kMaxPaths, {.max = kMaxSpelled});
  spec.overwrite = top.texts("overwrite", kMaxPaths, {.max = kMaxSpelled});
  spec.allow = top.texts("allow", kMaxPaths, {.max = kMaxSpelled});
  spec.skip = top.texts("skip", kMaxPaths, {.max = kMaxSpelled});
  spec.digest = top.text("digest", {.max = 64}).value_or("");
  top.finish();
  return spec;
}

std::vector<std::string> decode_undo(Body& body) {
  auto top = body.object();
  auto skip = top.texts("skip", kMaxPaths, {.max = kMaxSpelled});
  top.finish();
  return skip;
}

}  // namespace brig::api
