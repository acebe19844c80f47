// brig service: what there is, and its end.
#include "cli/commands/commands.hpp"
#include "cli/commands/services.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {

Result<std::string> mesh_of(const Context& context, const Arguments& arguments) {
  auto mesh = arguments.get("mesh");
  if (!mesh) mesh = context.environment()("BRIG_MESH");
  if (mesh && !mesh->empty()) return *mesh;
  return Error{Code::invalid, "which mesh is not said; name it with --mesh, or set BRIG_MESH", "usage",
               false};
}

Result<std::string> mesh_path(const Context& context, const Arguments& arguments) {
  BRIG_TRY(auto mesh, mesh_of(context, arguments));
  return "/v1/meshes/" + percent_encode(mesh);
}

Result<std::string> service_path(const Context& context, const Arguments& arguments,
                                 const std::string& name) {
  BRIG_TRY(auto mesh, mesh_path(context, arguments));
  return mesh + "/services" + (name.empty() ? "" : "/" + percent_encode(name));
}

Colour service_colour(const std::string& state) {
  if (state == "running" || state == "ready") return Colour::green;
  if (state == "failed" || state == "crashed") return Colour::red;
  return state == "stopped" || state == "paused" ? Colour::dim : Colour::yellow;
}

std::string waiting_text(const nlohmann::json& service) {
  auto waiting = number_of(service, "tools_waiting");
  if (waiting == 0) return {};
  return std::to_string(waiting) + (waiting == 1 ? " tool waits" : " tools wait") +
         " for approval: 'brig service approve " + printable(text_of(service, "name")) + " --mesh " +
         printable(text_of(service, "mesh")) + "' shows " + (waiting == 1 ? "it" : "them") +
         " and what has changed";
}

std::string source_text(const nlohmann::json& service) {
  auto source = service.find("source");
  if (source == service.end() || !source->is_object()) return text_of(service, "source_type");
  if (auto npm = source->find("npm"); npm != source->end() && npm->is_object()) {
    auto version = text_of(*npm, "version");
    return "npm " + text_of(*npm, "package") + (version.empty() ? "" : "@" + version);
  }
  if (auto git = source->find("git"); git != source->end() && git->is_object()) {
    auto ref = text_of(*git, "ref");
    return "git " + text_of(*git, "url") + (ref.empty() ? "" : " " + ref);
  }
  if (auto remote = source->find("remote"); remote != source->end() && remote->is_object())
    return "remote " + text_of(*remote, "url");
  if (auto image = source->find("image"); image != source->end() && image->is_object())
    return "image " + text_of(*image, "reference");
  if (source->contains("zip")) return "zip";
  auto directory = source->find("directory");
  if (directory == source->end() || !directory->is_object()) return {};
  return "directory " + text_of(*directory, "path");
}

bool is_skill(const nlohmann::json& service) {
  return text_of(service, "type") == "skill";
}

namespace {

using nlohmann::json;

constexpr Millis kEndWithin = std::chrono::seconds(90);

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, service_path(context, arguments));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path));
  const auto& services = list_of(answer, "services");
  if (arguments.json()) {
    print_json(services);
    return 0;
  }
  Table table({"NAME", "TYPE", "STATE", "TOOLS", "SCOPE", "SOURCE", "VERSION", "OWNER", "AGE", "REASON"});
  for (const auto& service : services) {
    auto state = text_of(service, "state");
    table.add({{text_of(service, "name"), Colour::bold},
               text_of(service, "type"),
               {state, service_colour(state)},
               is_skill(service) ? "" : std::to_string(number_of(service, "tools")),
               scope_text(service.value("scope", json())),
               source_text(service),
               text_of(service, "version"),
               text_of(service, "owner"),
               age(text_of(service, "created")),
               printable(text_of(service, "reason"), 80)});
  }
  print(table.text(context.out()));
  return 0;
}

std::string variables_of(const json& config) {
  std::string out;
  auto env = config.find("env");
  if (env == config.end() || !env->is_object()) return out;
  for (const auto& [name, reference] : env->items())
    out += (out.empty() ? "" : ", ") + name +
           (reference.is_string() ? "=" + reference.get<std::string>() : std::string());
  return out;
}

std::string words_of(const json& object, const char* key, const char* between) {
  std::string out;
  for (const auto& word : list_of(object, key))
    if (word.is_string()) out += (out.empty() ? "" : between) + word.get<std::string>();
  return out;
}

// "1 (1.2.0), 2 (1.3.0), now 3 (1.3.1)"
std::string versions_of(const json& service) {
  std::string out;
  for (const auto& one : list_of(service, "versions")) {
    auto version = text_of(one, "version");
    out += (out.empty() ? "" : ", ") + std::string(one.value("current", json()) == true ? "now " : "") +
           std::to_string(number_of(one, "number")) + (version.empty() ? "" : " (" + version + ")");
  }
  return out;
}

Result<int> show(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, service_path(context, arguments, arguments.positionals()[0]));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto service, client->call("GET", path));
  if (arguments.json()) {
    print_json(service);
    return 0;
  }
  std::string out;
  const auto& style = context.out();
  auto say = [&](const char* name, const char* key) { add_fact(out, style, name, text_of(service, key)); };
  auto state = text_of(service, "state");
  say("name", "name");
  say("mesh", "mesh");
  say("type", "type");
  add_fact(out, style, "state", state, service_colour(state));
  say("reason", "reason");
  say("owner", "owner");
  add_fact(out, style, "scope", scope_text(service.value("scope", json())));
  say("description", "description");
  add_fact(out, style, "source", source_text(service));
  say("version", "version");
  say("runtime", "runtime");
  add_fact(out, style, "command", words_of(service, "command", " "));
  if (auto config = service.find("config"); config != service.end() && config->is_object()) {
    add_fact(out, style, "variables", variables_of(*config));
    add_fact(out, style, "reaches", words_of(*config, "network_allow", ", "));
    if (auto memory = number_of(*config, "memory_mb"))
      add_fact(out, style, "memory", format_size(memory << 20));
    if (auto idle = text_of(*config, "idle"); !idle.empty())
      add_fact(out, style, "pauses", "after " + idle + " without use");
  }
  if (auto server = service.find("server"); server != service.end() && server->is_object())
    add_fact(out, style, "calls itself", text_of(*server, "name") + " " + text_of(*server, "version"));
  if (auto skill = service.find("skill"); skill != service.end() && skill->is_object())
    add_fact(out, style, "calls itself", text_of(*skill, "name"));
  if (!is_skill(service)) add_fact(out, style, "tools", std::to_string(number_of(service, "tools")));
  add_fact(out, style, "waiting", waiting_text(service), Colour::yellow);
  if (auto artefact = service.find("artefact"); artefact != service.end() && artefact->is_object())
    add_fact(out, style, "artefact",
             text_of(*artefact, "hash").substr(0, 16) + ", " + format_size(number_of(*artefact, "bytes")));
  add_fact(out, style, "versions", versions_of(service));
  say("sandbox", "session");
  if (auto restarts = number_of(service, "restarts"))
    add_fact(out, style, "restarts", std::to_string(restarts));
  say("created", "created");
  say("updated", "updated");
  print(out);
  return 0;
}

Result<int> change(Context& context, const Arguments& arguments, const char* what) {
  BRIG_TRY(Client * client, context.client());
  auto done = json::array();
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto path, service_path(context, arguments, name));
    BRIG_TRY(auto service, client->call("POST", path + "/" + what, nullptr, kEndWithin));
    if (!arguments.json()) print(printable(text_of(service, "name")) + "\n");
    done.push_back(std::move(service));
  }
  if (arguments.json()) print_json(done);
  return 0;
}

Result<int> stop(Context& context, const Arguments& arguments) {
  return change(context, arguments, "stop");
}

Result<int> pause(Context& context, const Arguments& arguments) {
  return change(context, arguments, "pause");
}

Result<int> restart(Context& context, const Arguments& arguments) {
  return change(context, arguments, "restart");
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto path, service_path(context, arguments, name));
    BRIG_TRY(auto nothing, client->call("DELETE", path, nullptr, kEndWithin));
    if (!arguments.json()) print(printable(name) + "\n");
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kOptions[] = {kServiceMesh, kJsonOption};
constexpr PositionalSpec kOne[] = {kServiceName};
constexpr PositionalSpec kSome[] = {
    {.name = "SERVICE", .help = "which", .arity = Arity::some, .complete = "service"}};

constexpr Example kListExamples[] = {
    {"brig service ls --mesh acme", "what is deployed there, and how it fares"}};
constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List the services of a mesh.",
                               .options = kOptions,
                               .examples = kListExamples,
                               .run = list};

constexpr Example kShowExamples[] = {
    {"brig service show ev --mesh acme", "its source, version, state, and why"},
    {"brig service show ev --mesh acme --json | jq -r .artefact.hash", "what exactly runs"}};
constexpr CommandSpec kShowService = {.name = "show",
                                      .summary = "Show everything about one service.",
                                      .positionals = kOne,
                                      .options = kOptions,
                                      .examples = kShowExamples,
                                      .run = show};

constexpr Example kStopExamples[] = {
    {"brig service stop ev --mesh acme", "until 'brig service restart'; also after a restart of brigd"}};
constexpr CommandSpec kStopService = {
    .name = "stop",
    .summary = "End the servers of services, and keep everything else.",
    .description = "SIGTERM, ten seconds, SIGKILL. Calls that are under way get an error.",
    .positionals = kSome,
    .options = kOptions,
    .examples = kStopExamples,
    .run = stop};

constexpr Example kPauseExamples[] = {
    {"brig service pause ev --mesh acme", "it uses no processor until somebody calls it"},
    {"brig service deploy ev --mesh acme --npm @modelcontextprotocol/server-everything --idle 10m",
     "by itself, when nobody has used it for ten minutes"}};
constexpr CommandSpec kPauseService = {
    .name = "pause",
    .summary = "Let servers stand still until they are called.",
    .description =
        "Their memory stays, their time stops: they send nothing by themselves, not even to who has "
        "subscribed "
        "to something. The next call wakes them. Refused while somebody waits for an answer.",
    .positionals = kSome,
    .options = kOptions,
    .examples = kPauseExamples,
    .run = pause};

constexpr Example kRestartExamples[] = {
    {"brig service restart ev --mesh acme", "a new process, with the vault's keys as they are now"}};
constexpr CommandSpec kRestart = {.name = "restart",
                                  .summary = "Start the servers of services anew.",
                                  .positionals = kSome,
                                  .options = kOptions,
                                  .examples = kRestartExamples,
                                  .run = restart};

constexpr Example kRemoveExamples[] = {
    {"brig service rm ev --mesh acme", "its home stays a volume: 'brig volume ls' shows it"}};
constexpr CommandSpec kRemove = {.name = "rm",
                                 .summary = "Undeploy services.",
                                 .description =
                                     "SIGTERM, ten seconds, SIGKILL; then what was built goes, unless "
                                     "another service uses it. The home of a "
                                     "service stays, as volume service-NAME, for the next of that name.",
                                 .positionals = kSome,
                                 .options = kOptions,
                                 .examples = kRemoveExamples,
                                 .run = remove};

constexpr const CommandSpec* kCommands[] = {
    &kServiceDeploy,   &kList,        &kShowService,  &kServiceTools, &kServiceApprove,
    &kServiceCall,     &kServiceLogs, &kServiceFiles, &kServiceScope, &kServiceUpdate,
    &kServiceRollback, &kRestart,     &kPauseService, &kStopService,  &kRemove};

}  // namespace

constexpr CommandSpec kService = {
    .name = "service", .summary = "Run MCP servers and keep skills for a mesh.", .commands = kCommands};

}  // namespace brig::cli
