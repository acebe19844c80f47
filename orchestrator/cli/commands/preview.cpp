#include <charconv>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

Result<int> make(Context& context, const Arguments& arguments) {
  const auto& text = arguments.positionals()[1];
  unsigned port = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535)
    return Error{Code::invalid, "PORT must be 1 to 65535, not " + quoted(text), "usage", false};
  nlohmann::json body{{"port", port}};
  BRIG_TRY(auto expires, arguments.duration("expires"));
  if (expires) body["expires_in"] = arguments.get("expires", "");
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto made, client->call("POST", session_path(arguments.positionals()[0]) + "/previews", body));
  if (arguments.json())
    print_json(made);
  else
    print(printable(text_of(made, "url"), 512) + "\n");
  return 0;
}

// The names that people gave, by the ids that the ledger has.
std::string name_of(const nlohmann::json& sessions, const std::string& id) {
  for (const auto& session : list_of(sessions, "sessions"))
    if (text_of(session, "id") == id) return text_of(session, "name");
  return id;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/previews"));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  BRIG_TRY(auto sessions, client->call("GET", "/v1/sessions?all=1"));
  Table table({"ID", "SESSION", "PORT", "AGE", "EXPIRES", "ORIGIN"});
  for (const auto& preview : list_of(answer, "previews")) {
    table.add({{text_of(preview, "id"), Colour::bold},
               name_of(sessions, text_of(preview, "session")),
               std::to_string(number_of(preview, "port")),
               age(text_of(preview, "created")),
               text_of(preview, "expires"),
               text_of(preview, "origin")});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& id : arguments.positionals()) {
    BRIG_TRY(auto done, client->call("DELETE", "/v1/previews/" + percent_encode(id)));
    (void)done;
    print(printable(id) + "\n");
  }
  return 0;
}

constexpr PositionalSpec kWhat[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "PORT", .help = "a port inside that speaks HTTP"},
};
constexpr PositionalSpec kIds[] = {
    {.name = "PREVIEW", .help = "its id; 'brig preview ls' lists them", .arity = Arity::some},
};
constexpr OptionSpec kOptions[] = {
    {.flags = "--expires", .value = "DURATION", .help = "how long the URL is good, at most 30d (default 8h)"},
    kJsonOption,
};
constexpr OptionSpec kListOptions[] = {kJsonOption};
constexpr Example kExamples[] = {
    {"brig preview fix 3000", "a URL for the web page on port 3000 inside"},
    {"brig preview fix 5173 --expires 30m", "for half an hour"},
    {"brig preview rm 0123456789abcdef", "and no longer, at once"},
};
constexpr Example kListExamples[] = {{"brig preview ls", "which there are, and how long yet"}};
constexpr Example kRemoveExamples[] = {
    {"brig preview rm 0123456789abcdef", "whoever looks at it is cut off"}};

constexpr CommandSpec kLs = {.name = "ls",
                             .summary = "List your previews.",
                             .description = "Not their URLs: of a token, brigd keeps no more than a hash.",
                             .options = kListOptions,
                             .examples = kListExamples,
                             .run = list};
constexpr CommandSpec kRemove = {.name = "rm",
                                 .summary = "Take previews back, at once.",
                                 .positionals = kIds,
                                 .examples = kRemoveExamples,
                                 .run = remove};
constexpr const CommandSpec* kCommands[] = {&kLs, &kRemove};

}  // namespace

constexpr CommandSpec kPreview = {
    .name = "preview",
    .summary = "Look at a web page that a session serves, in a browser.",
    .description =
        "Prints a URL. Whoever has it may look, until it expires or is taken back; the browser keeps it as a "
        "cookie that the page cannot read. Each preview is a host of its own, apart from brigd's API and "
        "from "
        "all others. WebSockets pass. brigd's operator must have set listen in [preview]; for other "
        "protocols "
        "than HTTP, and without that, there is 'brig forward'.",
    .positionals = kWhat,
    .options = kOptions,
    .examples = kExamples,
    .run = make,
    .commands = kCommands,
};

}  // namespace brig::cli
