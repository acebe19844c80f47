// brig service deploy and update: what is told on the way, and what came of it.
#include <filesystem>

#include "cli/client/report.hpp"
#include "cli/commands/sending.hpp"
#include "cli/commands/services.hpp"
#include "cli/progress.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "usage", false};
}

// "@scope/name@^1" → the package and the range.
json npm_of(const std::string& text) {
  auto at = text.find('@', 1);
  json out{{"package", text.substr(0, at)}};
  if (at != text.npos && at + 1 < text.size()) out["version"] = text.substr(at + 1);
  return out;
}

json git_of(const Arguments& arguments, const std::string& url) {
  json out{{"url", url}};
  if (auto ref = arguments.get("ref")) out["ref"] = *ref;
  if (auto key = arguments.get("git-key")) out["auth"] = "$vault:" + *key;
  return out;
}

std::string absolute(const std::string& path) {
  std::error_code ec;
  return std::filesystem::absolute(path, ec).lexically_normal().string();
}

// Where the server may come from, and what can be said of one that comes from there alone.
struct Kind {
  const char* option;
  std::vector<const char*> own;
};

Result<std::string> kind_of(const Arguments& arguments) {
  const std::vector<Kind> kinds{{"npm", {"bin", "allow-scripts"}},
                                {"git", {"ref", "git-key"}},
                                {"zip", {}},
                                {"image", {"image-key"}},
                                {"remote", {}},
                                {"dir", {}}};
  std::vector<std::string> said;
  for (const auto& kind : kinds) {
    if (arguments.has(kind.option)) said.emplace_back(kind.option);
    for (const char* own : kind.own)
      if (arguments.has(own) && !arguments.has(kind.option))
        return refuse("--" + std::string(own) + " goes with --" + kind.option + " only");
  }
  if (said.size() == 1) return said.front();
  return refuse(
      "where the server comes from must be said once: --npm PACKAGE, --git URL, --zip FILE, "
      "--image IMAGE, --remote URL or --dir DIR");
}

// Before anything is handed in.
Result<void> check_skill(const Arguments& arguments) {
  for (const char* option :
       {"npm", "image", "remote", "arg", "env", "allow", "memory", "cpus", "idle", "runtime"})
    if (arguments.has(option))
      return refuse("--" + std::string(option) + " goes with a server only; a skill is not run");
  return {};
}

// Handed in; gives the id that brigd has given it.
Result<std::string> upload(Context& context, const Arguments& arguments, const std::string& file) {
  BRIG_TRY(auto mesh, mesh_of(context, arguments));
  Meter meter(context.err(), file);
  BRIG_TRY(auto in, open_to_send(file, meter));
  BRIG_TRY(Client * client, context.client());
  Client::Upload sending(*client);
  BRIG_CHECK(sending.begin("POST", "/v1/meshes/" + percent_encode(mesh) + "/uploads", "application/zip"));
  BRIG_TRY(std::string answer, send(in.get(), quoted(file, 512), sending, meter));
  auto kept = json::parse(answer, nullptr, false);
  auto id = text_of(kept, "file_id");
  if (id.empty()) return Error{Code::protocol, "brigd's answer is not what it should be", "cli", false};
  return id;
}

Result<json> source_of(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto kind, kind_of(arguments));
  auto value = *arguments.get(kind);
  json out = json::object();
  if (kind == "npm") {
    out["npm"] = npm_of(value);
    if (auto bin = arguments.get("bin")) out["npm"]["bin"] = *bin;
    if (auto scripts = arguments.all("allow-scripts"); !scripts.empty())
      out["npm"]["allow_scripts"] = scripts;
  }
  if (kind == "git") out["git"] = git_of(arguments, value);
  if (kind == "zip") {
    BRIG_TRY(out["zip"]["file_id"], upload(context, arguments, value));
  }
  if (kind == "image") {
    out["image"] = {{"reference", value}};
    if (auto key = arguments.get("image-key")) out["image"]["auth"] = "$vault:" + *key;
  }
  if (kind == "remote") out["remote"] = {{"url", value}};
  if (kind == "dir") out["directory"] = {{"path", absolute(value)}};
  if (auto args = arguments.all("arg"); !args.empty()) out["args"] = args;
  return out;
}

Result<json> config_of(const Context& context, const Arguments& arguments) {
  json out = json::object();
  BRIG_TRY(auto env, environment_of(context, arguments));
  if (!env.empty()) out["env"] = std::move(env);
  if (auto allow = arguments.all("allow"); !allow.empty()) out["network_allow"] = allow;
  if (auto memory = arguments.get("memory")) {
    auto bytes = parse_size(*memory);
    if (!bytes) return refuse("--memory " + quoted(*memory) + ": " + bytes.error().message);
    out["memory_mb"] = *bytes >> 20;
  }
  if (auto cpus = arguments.get("cpus")) {
    auto value = json::parse(*cpus, nullptr, false);
    if (!value.is_number()) return refuse("--cpus " + quoted(*cpus) + " is no number; write it as in 1.5");
    out["cpus"] = std::move(value);
  }
  if (auto idle = arguments.get("idle")) out["idle"] = *idle;
  if (auto runtime = arguments.get("runtime")) out["runtime"] = *runtime;
  return out;
}

Result<json> watch(Context& context, const std::string& path, const json& body) {
  BRIG_TRY(Client * client, context.client());
  ProgressLine progress(context.err());
  auto line = [&](const json& told) {
    auto state = text_of(told, "state");
    if (state.empty()) return;
    auto what = printable(text_of(told, "what"), 200);
    progress.update(printable(state) + (what.empty() ? "" : " " + what), std::nullopt);
  };
  return follow(*client, path, body, {"the deployment", "'brig service show' says how it stands"}, line);
}

int say(const Arguments& arguments, const json& service) {
  if (arguments.json()) {
    print_json(service);
    return 0;
  }
  auto version = text_of(service, "version");
  auto tools = number_of(service, "tools");
  auto has = is_skill(service) ? std::string(", a skill")
                               : ", " + std::to_string(tools) + (tools == 1 ? " tool" : " tools");
  print(printable(text_of(service, "name")) + " " + text_of(service, "state") +
        (version.empty() ? "" : ", version " + printable(version)) + has + "\n");
  if (auto waiting = waiting_text(service); !waiting.empty()) print(waiting + "\n");
  return 0;
}

Result<int> deploy(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, service_path(context, arguments));
  json body{{"name", arguments.positionals()[0]}};
  bool skill = arguments.has("skill");
  if (skill) BRIG_CHECK(check_skill(arguments));
  BRIG_TRY(body["source"], source_of(context, arguments));
  if (skill) {
    body["type"] = "skill";
  } else {
    BRIG_TRY(body["config"], config_of(context, arguments));
  }
  if (auto scope = arguments.all("scope"); !scope.empty()) {
    BRIG_TRY(body["scope"], scope_of(scope));
  }
  BRIG_TRY(auto service, watch(context, path, body));
  return say(arguments, service);
}

Result<int> update(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, service_path(context, arguments, arguments.positionals()[0]));
  BRIG_TRY(auto service, watch(context, path + "/update", nullptr));
  return say(arguments, service);
}

Result<int> rollback(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, service_path(context, arguments, arguments.positionals()[0]));
  BRIG_TRY(auto to, arguments.number("to", std::numeric_limits<std::int64_t>::max()));
  json body;
  if (to) body["version"] = *to;
  BRIG_TRY(auto service, watch(context, path + "/rollback", body));
  return say(arguments, service);
}

constexpr PositionalSpec kNewName[] = {
    {.name = "NAME", .help = "what to call it in the mesh; one of that name is replaced"}};
constexpr PositionalSpec kName[] = {kServiceName};
constexpr OptionSpec kDeployOptions[] = {
    kServiceMesh,
    {.flags = "--npm",
     .value = "PACKAGE[@VERSION]",
     .help = "a package of this host's npm registry; a version, a range or a tag, else the newest"},
    {.flags = "--bin", .value = "COMMAND", .help = "which of the package's commands is the server"},
    {.flags = "--allow-scripts",
     .value = "PACKAGE",
     .help = "let this package's install scripts run, which none may otherwise",
     .many = true},
    {.flags = "--git",
     .value = "URL",
     .help = "a repository, cloned in a sandbox that reaches its host alone: its newest commit"},
    {.flags = "--ref", .value = "REF", .help = "its branch or tag, instead of what the repository says"},
    {.flags = "--git-key", .value = "KEY", .help = "the vault's key that opens it: TOKEN or USER:PASSWORD"},
    {.flags = "--zip",
     .value = "FILE",
     .help = "a zip on this machine, unpacked in a sandbox that reaches nothing",
     .complete = "file"},
    {.flags = "--image",
     .value = "IMAGE",
     .help = "an image, pulled by the engine: what it runs, which --arg says otherwise"},
    {.flags = "--image-key",
     .value = "KEY",
     .help = "the vault's key that opens its registry: USER:PASSWORD"},
    {.flags = "--remote",
     .value = "URL",
     .help = "a server elsewhere, reached by a bridge in a sandbox; --env HEADER_NAME=… is a header"},
    {.flags = "--dir",
     .value = "DIR",
     .help = "a directory on brigd's host, copied as it is now",
     .complete = "dir"},
    {.flags = "--skill",
     .help = "it is a skill: files, with a SKILL.md at their root, that sessions of the mesh have; not run"},
    {.flags = "--arg", .value = "ARGUMENT", .help = "an argument of the server", .many = true},
    kEnvOption,
    {.flags = "--allow",
     .value = "RULE",
     .help = "let it reach api.example.com, *.example.org:443, 10.1.2.3:8080; nothing else is reached",
     .many = true},
    {.flags = "-m,--memory", .value = "SIZE", .help = "memory limit, such as 256M"},
    {.flags = "--cpus", .value = "NUMBER", .help = "CPU limit, such as 0.5"},
    {.flags = "--idle",
     .value = "TIME",
     .help = "pause it when nobody has used it for so long, such as 10m; a call wakes it"},
    {.flags = "--runtime",
     .value = "RUNTIME",
     .help = "what runs it; by default what the source looks like",
     .complete = "node|python|bun|binary"},
    {.flags = "--scope",
     .value = "SCOPE",
     .help = "who may see and call it: peer (you alone, the default), mesh, peer:NAME, group:PATH, role:ROLE",
     .complete = kScopeWords,
     .many = true},
    kJsonOption,
};
constexpr Example kDeployExamples[] = {
    {"brig service deploy ev --mesh acme --npm @modelcontextprotocol/server-everything",
     "the newest version, pinned until 'brig service update'"},
    {"brig service deploy dc --mesh acme --npm @dontcode2/backend --bin dontcode --arg mcp --env "
     "'DONTCODE_API_KEY=$vault:dc_key' --allow backend.test:443",
     "a command of another name, a key of the vault, one host"},
    {"brig service deploy tools --mesh acme --git https://git.example.com/tools.git --ref v2 --git-key "
     "tools-token",
     "a tag of a repository that a key of the vault opens"},
    {"brig service deploy mine --mesh acme --zip mine.zip --runtime python --memory 256M",
     "what you have packed, from wherever you are"},
    {"brig service deploy db --mesh acme --image registry.example.com/team/db-mcp:2 --image-key registry",
     "an image of a registry that a key of the vault opens; pinned until 'brig service update'"},
    {"brig service deploy wiki --mesh acme --remote https://mcp.example.com/mcp --env "
     "'HEADER_AUTHORIZATION=$vault:wiki_token'",
     "one that runs elsewhere, and asks for a token"},
    {"brig service deploy mine --mesh acme --dir ./server", "what you are working on, on brigd's host"},
    {"brig service deploy notes --skill --mesh acme --zip notes.zip --scope mesh",
     "a skill, for all sessions of the mesh that are started from now on"},
    {"brig service deploy db --mesh acme --npm @acme/db --scope group:backend --scope peer:ana",
     "for whoever is in a group or beneath it, and for one peer"},
};
constexpr OptionSpec kUpdateOptions[] = {kServiceMesh, kJsonOption};
constexpr Example kUpdateExamples[] = {
    {"brig service update ev --mesh acme",
     "the newest of what was deployed; the old one runs until that works"}};
constexpr OptionSpec kRollbackOptions[] = {
    kServiceMesh,
    {.flags = "--to",
     .value = "NUMBER",
     .help = "a version that 'brig service show' lists (default: the one before)"},
    kJsonOption};
constexpr Example kRollbackExamples[] = {
    {"brig service rollback ev --mesh acme", "what ran before the last update"},
    {"brig service rollback ev --mesh acme --to 3", "the third that it ran"}};

}  // namespace

constexpr CommandSpec kServiceDeploy = {
    .name = "deploy",
    .summary = "Build an MCP server and run it for a mesh, or keep a skill for it.",
    .description =
        "It is installed in a sandbox that reaches the package registry and nothing else, without install "
        "scripts, and runs in another that reaches what --allow says. Its home outlives restarts and "
        "updates. With --skill it is files that are not run: sessions of the mesh have them, read-only.",
    .positionals = kNewName,
    .options = kDeployOptions,
    .examples = kDeployExamples,
    .run = deploy};

constexpr CommandSpec kServiceUpdate = {
    .name = "update",
    .summary = "Build a service's source anew, and start that in its place.",
    .description =
        "What is built is started beside what runs. Once it has answered and listed its tools, calls go to "
        "it, "
        "and the other ends when it has answered those it had. If it does not come so far, nothing changes.",
    .positionals = kName,
    .options = kUpdateOptions,
    .examples = kUpdateExamples,
    .run = update};

constexpr CommandSpec kServiceRollback = {
    .name = "rollback",
    .summary = "Go back to a version that a service ran before.",
    .description =
        "The five newest are kept, each whole: what was built, its variables, what it may reach, its limits. "
        "It takes over as with an update: no call fails, and if it does not start, nothing changes.",
    .positionals = kName,
    .options = kRollbackOptions,
    .examples = kRollbackExamples,
    .run = rollback};

}  // namespace brig::cli
