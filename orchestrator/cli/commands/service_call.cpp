// brig service call and logs.
#include <unistd.h>

#include "cli/client/report.hpp"
#include "cli/commands/services.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr int kToolFailed = 1;
constexpr Millis kBeyond = std::chrono::seconds(5);  // what brigd's own answer may take on top
constexpr Millis kUsual = std::chrono::seconds(25);

// What the tool said, as far as it is text; the rest by what it is.
void show_content(const json& result) {
  for (const auto& block : list_of(result, "content")) {
    auto type = text_of(block, "type");
    if (type == "text")
      print(text_of(block, "text") + "\n");
    else
      print("[" + printable(type) + " " + printable(text_of(block, "mimeType")) + "; --json shows it]\n");
  }
}

Result<int> call(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  BRIG_TRY(auto path, service_path(context, arguments, words[0]));
  json body{{"tool", words[1]}};
  if (words.size() > 2) {
    body["arguments"] = json::parse(words[2], nullptr, false);
    if (!body["arguments"].is_object())
      return Error{Code::invalid,
                   "the arguments " + quoted(words[2]) +
                       " are no JSON object; write them as in '{\"message\":\"hi\"}'",
                   "usage", false};
  }
  BRIG_TRY(auto timeout, arguments.duration("timeout"));
  if (timeout) body["timeout_ms"] = timeout->count();
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("POST", path + "/call", body, timeout.value_or(kUsual) + kBeyond));
  if (arguments.json()) print_json(answer);
  if (auto error = answer.find("error"); error != answer.end()) {
    if (!arguments.json()) say_error("the server refused: " + printable(text_of(*error, "message"), 4096));
    return kToolFailed;
  }
  const auto result = answer.value("result", json::object());
  if (!arguments.json()) show_content(result);
  return result.value("isError", json(false)) == true ? kToolFailed : 0;
}

std::string log_line(const Style& style, const json& line) {
  return style.paint(Colour::dim, printable(text_of(line, "at"))) + " " + text_of(line, "text") + "\n";
}

// Until the service is removed.
Result<int> follow_log(Context& context, const Arguments& arguments, const std::string& path) {
  BRIG_TRY(Client * client, context.client());
  auto show = [&](const json& line) -> Result<void> {
    if (line.contains("error")) return {};
    print(arguments.json() ? line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                           : log_line(context.out(), line));
    return flush_output();
  };
  BRIG_CHECK(each_line(*client, "GET", path, nullptr, "the log of " + arguments.positionals()[0], show));
  return 0;
}

Result<int> logs(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, service_path(context, arguments, arguments.positionals()[0]));
  BRIG_TRY(auto last, arguments.number("last", 1000));
  path += "/logs?last=" + std::to_string(last.value_or(1000));
  if (arguments.has("follow")) return follow_log(context, arguments, path + "&follow=true");
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path));
  const auto& lines = list_of(answer, "lines");
  if (arguments.json()) {
    print_json(lines);
    return 0;
  }
  for (const auto& line : lines) print(log_line(context.out(), line));
  return 0;
}

constexpr PositionalSpec kCallWords[] = {
    kServiceName,
    {.name = "TOOL", .help = "which of its tools"},
    {.name = "ARGUMENTS", .help = "a JSON object", .arity = Arity::optional}};
constexpr PositionalSpec kLogsWords[] = {kServiceName};
constexpr OptionSpec kCallOptions[] = {
    kServiceMesh,
    {.flags = "--timeout", .value = "TIME", .help = "how long to wait for the answer (default 25s)"},
    kJsonOption};
constexpr OptionSpec kLogsOptions[] = {
    kServiceMesh,
    {.flags = "-n,--last", .value = "LINES", .help = "so many lines (default: all that are kept)"},
    {.flags = "-f,--follow", .help = "go on with what it writes from now on"},
    kJsonOption};
constexpr Example kCallExamples[] = {{"brig service call ev echo '{\"message\":\"hi\"}' --mesh acme",
                                      "what it answers; 1 if the tool failed"}};
constexpr Example kLogsExamples[] = {
    {"brig service logs ev --mesh acme -n 20", "what the server wrote beside its answers"},
    {"brig service logs ev --mesh acme -f", "and what it writes from now on"}};

}  // namespace

constexpr CommandSpec kServiceCall = {.name = "call",
                                      .summary = "Call a tool of a service.",
                                      .positionals = kCallWords,
                                      .options = kCallOptions,
                                      .examples = kCallExamples,
                                      .run = call};
constexpr CommandSpec kServiceLogs = {
    .name = "logs",
    .summary = "Print what a service's server wrote, each line with its time.",
    .positionals = kLogsWords,
    .options = kLogsOptions,
    .examples = kLogsExamples,
    .run = logs};

}  // namespace brig::cli
