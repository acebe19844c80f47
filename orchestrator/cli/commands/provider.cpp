#include <unistd.h>

#include <filesystem>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxDeclaration = 1 << 20;

std::string path_of(const std::string& provider) {
  return "/v1/providers/" + percent_encode(provider);
}

bool is_builtin(const nlohmann::json& provider) {
  return provider.is_object() && provider.value("builtin", nlohmann::json(false)) == true;
}

std::string words_of(const nlohmann::json& list) {
  std::string out;
  for (const auto& word : list)
    if (word.is_string()) out += (out.empty() ? "" : " ") + printable(word.get<std::string>());
  return out;
}

// How it is told of its mesh: arguments, then variables.
std::string told_of(const nlohmann::json& mcp) {
  auto out = words_of(list_of(mcp, "args"));
  if (auto env = mcp.find("env"); env != mcp.end())
    for (const auto& [name, value] : env->items())
      out += (out.empty() ? "" : " ") + printable(name) + "=" + text_of(*env, name.c_str());
  return out;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/providers"));
  const auto& providers = list_of(answer, "providers");
  if (arguments.json()) {
    print_json(providers);
    return 0;
  }
  Table table({"PROVIDER", "TITLE", "FROM", "BINARY", "IMAGE"});
  for (const auto& provider : providers) {
    auto image = text_of(provider, "image");
    table.add({{text_of(provider, "id"), Colour::bold},
               text_of(provider, "title"),
               is_builtin(provider) ? "built in" : "declared",
               text_of(provider, "binary"),
               image.empty() ? Table::Cell("no sandbox", Colour::dim) : Table::Cell(image)});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> show(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto provider, client->call("GET", path_of(arguments.positionals()[0])));
  if (arguments.json()) {
    print_json(provider);
    return 0;
  }
  std::string out;
  const auto& style = context.out();
  auto say = [&](const char* name, const char* key) { add_fact(out, style, name, text_of(provider, key)); };
  say("id", "id");
  say("title", "title");
  add_fact(out, style, "from", is_builtin(provider) ? "built in" : "declared");
  auto image = text_of(provider, "image");
  add_fact(out, style, "image", image.empty() ? "none: it cannot be run in a sandbox" : image);
  say("binary", "binary");
  add_fact(out, style, "arguments", words_of(list_of(provider, "default_args")));
  say("because", "default_args_reason");
  say("profile", "profile");
  say("identity by", "profile_env");
  say("skills", "skills");
  for (const auto& config : list_of(provider, "config"))
    add_fact(out, style, "configuration",
             text_of(config, "path") + ", " + text_of(config, "sharing") +
                 (config.value("read_only", nlohmann::json(false)) == true ? ", read-only" : ""));
  if (auto egress = provider.find("egress"); egress != provider.end())
    add_fact(out, style, "reaches", words_of(list_of(*egress, "hosts")));
  if (auto shot = provider.find("one_shot"); shot != provider.end())
    add_fact(out, style, "one-shot", words_of(list_of(*shot, "args")));
  if (auto mcp = provider.find("mcp"); mcp != provider.end())
    add_fact(out, style, "in a mesh", told_of(*mcp));
  print(out);
  return 0;
}

Result<std::string> read_input() {
  std::string text;
  char buffer[16384];
  while (true) {
    auto n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read standard input", "cli");
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > kMaxDeclaration)
      return Error{Code::too_large, "standard input holds more than 1 MiB, which is no declaration", "cli",
                   false};
  }
}

// FILE is JSON with the provider's id in it, or called ID.json.
Result<int> add(Context& context, const Arguments& arguments) {
  const auto& file = arguments.positionals()[0];
  BRIG_TRY(auto text, file == "-" ? read_input() : read_file(file, kMaxDeclaration));
  auto declaration = nlohmann::json::parse(text, nullptr, false);
  if (!declaration.is_object())
    return Error{Code::invalid,
                 quoted(file) + " is no JSON object; write one with the keys of a provider.toml, and image",
                 "cli", false};
  std::string id = arguments.get("id", text_of(declaration, "id"));
  if (id.empty() && file != "-") id = std::filesystem::path(file).stem().string();
  if (id.empty())
    return Error{Code::invalid, "the provider has no id; write \"id\" into the declaration, or say --id",
                 "cli", false};
  declaration.erase("id");
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto stored, client->call("PUT", path_of(id), declaration));
  if (arguments.json())
    print_json(stored);
  else
    print(printable(text_of(stored, "id")) + "\n");
  return 0;
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& id : arguments.positionals()) {
    BRIG_TRY(auto nothing, client->call("DELETE", path_of(id)));
    if (!arguments.json()) print(printable(id) + "\n");
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kAddOptions[] = {
    {.flags = "--id", .value = "ID", .help = "its id (default: the declaration's, or the file's name)"},
    kJsonOption};
constexpr PositionalSpec kOne[] = {{.name = "PROVIDER", .help = "claude, codex, …", .complete = "provider"}};
constexpr PositionalSpec kSome[] = {
    {.name = "PROVIDER", .help = "ids of declared ones", .arity = Arity::some, .complete = "provider"}};
constexpr PositionalSpec kFile[] = {{.name = "FILE",
                                     .help = "JSON with the keys of a provider.toml; - reads standard input",
                                     .complete = "file"}};
constexpr Example kListExamples[] = {{"brig provider ls", "whose agents can be run"}};
constexpr Example kShowExamples[] = {{"brig provider show codex", "its command, and what it is given"}};
constexpr Example kAddExamples[] = {{"brig provider add plugin.json", "declare it, or change it"},
                                    {"brig image build plugin", "fetch its image"},
                                    {"brig run plugin -- --version", "run it"}};
constexpr Example kRemoveExamples[] = {{"brig provider rm plugin", "its volumes stay"}};

constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List providers of agents, built in and declared.",
                               .options = kJson,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kShowProvider = {.name = "show",
                                       .summary = "Show how a provider is run.",
                                       .positionals = kOne,
                                       .options = kJson,
                                       .examples = kShowExamples,
                                       .run = show};
constexpr CommandSpec kAdd = {.name = "add",
                              .summary = "Declare a provider.",
                              .description =
                                  "FILE is a JSON object with the keys of a provider.toml (images/README.md "
                                  "has them) and image, what to run. "
                                  "Without image it cannot be run in a sandbox. What a sandbox may do is the "
                                  "policy's to say. For admins.",
                              .positionals = kFile,
                              .options = kAddOptions,
                              .examples = kAddExamples,
                              .run = add};
constexpr CommandSpec kRemove = {.name = "rm",
                                 .summary = "Forget declared providers.",
                                 .positionals = kSome,
                                 .options = kJson,
                                 .examples = kRemoveExamples,
                                 .run = remove};
constexpr const CommandSpec* kCommands[] = {&kList, &kShowProvider, &kAdd, &kRemove};

}  // namespace

constexpr CommandSpec kProvider = {
    .name = "provider", .summary = "Manage the providers whose agents can be run.", .commands = kCommands};

}  // namespace brig::cli
