// brig mcp: a mesh as one MCP server, for clients that start a program.
#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/services.hpp"
#include "cli/mcp/bridge.hpp"
#include "core/names.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr OptionSpec kServiceOption = {.flags = "--service",
                                       .value = "SERVICE",
                                       .help = "this service alone, its names as they are",
                                       .complete = "service"};

Result<int> serve(Context& context, const Arguments& arguments) {
  const auto& mesh = arguments.positionals()[0];
  auto path = "/v1/meshes/" + percent_encode(mesh);
  if (auto service = arguments.get("service")) path += "/services/" + percent_encode(*service);
  BRIG_TRY(Client * client, context.client());
  BridgeSpec spec;
  spec.endpoint = client->endpoint();
  spec.path = path + "/mcp";
  spec.out = [](std::string_view line) {
    print(std::string(line) + "\n");
    (void)flush_output();  // who does not read any more closes our input, too
  };
  BRIG_CHECK(run_bridge(std::move(spec)));
  return 0;
}

// A word for a shell.
std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Result<int> config(Context& context, const Arguments& arguments) {
  const auto& client = arguments.positionals()[0];
  BRIG_TRY(auto mesh, mesh_of(context, arguments));
  BRIG_CHECK(check_name("mesh", mesh));
  std::vector<std::string> command = {"brig", "mcp", mesh};
  std::string name = mesh;
  if (auto service = arguments.get("service")) {
    BRIG_CHECK(check_name("service", *service));
    command.insert(command.end(), {"--service", *service});
    name = *service;
  }
  std::string words;
  for (const auto& word : command) words += " " + shell_word(word);
  if (client == "claude") {
    print("claude mcp add " + name + " --" + words + "\n");
  } else if (client == "codex") {
    print("codex mcp add " + name + " --" + words + "\n");
  } else if (client == "gemini") {
    print("gemini mcp add " + name + words + "\n");
  } else if (client == "vscode") {
    nlohmann::json entry{{"name", name}, {"command", command[0]}};
    entry["args"] = std::vector<std::string>(command.begin() + 1, command.end());
    print("code --add-mcp " + shell_word(entry.dump()) + "\n");
  } else {
    constexpr std::string_view kKnown[] = {"claude", "codex", "gemini", "vscode"};
    return Error{Code::invalid,
                 "there is no line for " + quoted(client) + did_you_mean(client, kKnown) +
                     "; any client that starts a program takes: " + words.substr(1),
                 "usage", false};
  }
  return 0;
}

constexpr PositionalSpec kMesh[] = {{.name = "MESH", .help = "the mesh whose services to offer"}};
constexpr PositionalSpec kClient[] = {
    {.name = "CLIENT", .help = "claude, codex, gemini or vscode", .complete = "claude|codex|gemini|vscode"}};
constexpr OptionSpec kServeOptions[] = {kServiceOption};
constexpr OptionSpec kConfigOptions[] = {kServiceMesh, kServiceOption};
constexpr Example kServeExamples[] = {
    {"brig mcp acme", "what an MCP client has to start to use every service of the mesh"},
    {"brig mcp acme --service files", "one of them alone"}};
constexpr Example kConfigExamples[] = {
    {"brig mcp config claude --mesh acme", "the line that adds the mesh to Claude Code"},
    {"sh -c \"$(brig mcp config codex --mesh acme)\"", "and adds it to Codex at once"}};

constexpr CommandSpec kConfig = {.name = "config",
                                 .summary = "Print the line that adds a mesh to an MCP client.",
                                 .positionals = kClient,
                                 .options = kConfigOptions,
                                 .examples = kConfigExamples,
                                 .run = config};
constexpr const CommandSpec* kCommands[] = {&kConfig};

}  // namespace

constexpr CommandSpec kMcp = {
    .name = "mcp",
    .summary = "Be an MCP server on standard input and output: all services of a mesh.",
    .description =
        "Tools and prompts are named SERVICE__NAME, resources brig://SERVICE/URI. Over HTTP the same is at "
        "/v1/meshes/MESH/mcp.",
    .positionals = kMesh,
    .options = kServeOptions,
    .examples = kServeExamples,
    .run = serve,
    .commands = kCommands,
};

}  // namespace brig::cli
