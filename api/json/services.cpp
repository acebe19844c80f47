#include "api/json/services.hpp"

#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"
#include "mcp/json.hpp"
#include "service/spec.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxVariables = 128;
constexpr std::size_t kMaxValue = 64 * 1024;
constexpr std::size_t kMaxRules = 256;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kMaxMemory = 1 << 24;  // MiB
constexpr double kMaxCpus = 1024;
constexpr std::uint64_t kMaxTimeout = 600'000;
constexpr std::size_t kMaxDescription = 1024;

// `where` is the object's own name.
std::string read_key(Object& object, const std::string& where) {
  auto auth = object.text("auth", {.max = 256});
  if (!auth) return {};
  auto key = service::vault_key_of(Secret(*auth));
  if (key.empty())
    object.fail("auth", where + ".auth must name a key of the vault, as in \"$vault:KEY\": it is kept");
  return key;
}

void read_source(Object source, service::Spec& spec) {
  if (!source.present()) return;
  if (auto npm = source.object("npm"); npm.present()) {
    service::NpmSource out;
    out.package = npm.text("package", {.required = true, .max = 256}).value_or("");
    out.range = npm.text("version", {.max = 256}).value_or("");
    out.bin = npm.text("bin", {.max = 256}).value_or("");
    out.allow_scripts = npm.texts("allow_scripts", 64);
    npm.finish();
    spec.npm = std::move(out);
  }
  if (auto directory = source.object("directory"); directory.present()) {
    service::DirectorySource out;
    out.path = directory.text("path", {.required = true}).value_or("");
    directory.finish();
    spec.directory = std::move(out);
  }
  if (auto git = source.object("git"); git.present()) {
    service::RepositorySource out;
    out.url = git.text("url", {.required = true}).value_or("");
    out.ref = git.text("ref", {.max = 256}).value_or("");
    out.key = read_key(git, "source.git");
    git.finish();
    spec.git = std::move(out);
  }
  if (auto zip = source.object("zip"); zip.present()) {
    spec.zip = service::ZipSource{zip.text("file_id", {.required = true, .max = 64}).value_or(""), {}};
    zip.finish();
  }
  if (auto image = source.object("image"); image.present()) {
    service::ImageSource out;
    out.reference = image.text("reference", {.required = true, .max = 256}).value_or("");
    out.key = read_key(image, "source.image");
    image.finish();
    spec.image = std::move(out);
  }
  if (auto remote = source.object("remote"); remote.present()) {
    spec.remote = service::RemoteSource{remote.text("url", {.required = true, .max = 4096}).value_or("")};
    remote.finish();
  }
  spec.args = source.texts("args", 64);
  source.finish();
}

void read_runtime(Object& config, service::Spec& spec) {
  auto runtime = config.text("runtime");
  if (!runtime) return;
  spec.runtime = service::runtime_of(*runtime);
  if (spec.runtime) return;
  std::string known;
  for (auto one : service::kRuntimes) known += (known.empty() ? "" : ", ") + quoted(to_string(one));
  config.fail("runtime", "config.runtime " + quoted(*runtime) + " is not known; say one of " + known);
}

void read_config(Object config, service::DeploySpec& out) {
  if (!config.present()) return;
  for (auto& [name, value] : config.table("env", kMaxVariables, kMaxValue)) {
    out.env[name] = Secret(value);
    ::explicit_bzero(value.data(), value.size());
  }
  auto& spec = out.spec;
  if (auto memory = config.number("memory_mb", 16, kMaxMemory)) spec.memory = *memory * kMiB;
  if (const auto* cpus = config.raw("cpus")) {
    auto value = cpus->is_number() ? cpus->get<double>() : 0.0;
    if (value >= 0.001 && value <= kMaxCpus)
      spec.milli_cpus = static_cast<std::uint32_t>(value * 1000);
    else
      config.fail("cpus", "config.cpus must be a number from 0.001 to 1024, as in 1.5");
  }
  for (const auto& text : config.texts("network_allow", kMaxRules)) {
    auto rule = egress::read_rule(text, egress::Verb::allow);
    if (rule)
      spec.allow.push_back(std::move(*rule));
    else
      config.fail("network_allow", "config.network_allow: " + rule.error().message);
  }
  if (auto text = config.text("idle")) {
    auto idle = parse_duration(*text);
    if (idle)
      spec.idle = *idle;
    else
      config.fail("idle", "config.idle: " + idle.error().message);
  }
  read_runtime(config, spec);
  config.finish();
}

std::optional<service::Scope> read_scope(Object& top) {
  const auto* given = top.raw("scope");
  if (!given) return std::nullopt;
  auto scope = service::read_scope(given->dump());
  if (scope) return std::move(*scope);
  top.fail("scope", scope.error().message);
  return std::nullopt;
}

}  // namespace

service::DeploySpec decode_deploy(Body& body) {
  service::DeploySpec out;
  auto top = body.object();
  if (!top.present()) return out;
  out.name = top.text("name", {.required = true, .max = 256}).value_or("");
  if (!top.has("source"))
    top.fail(
        "source",
        "source is missing: {\"npm\": …}, {\"git\": …}, {\"zip\": …}, {\"remote\": …} or {\"directory\": …}");
  auto type = top.text("type").value_or("mcp");
  out.spec.skill = type == "skill";
  if (type != "skill" && type != "mcp")
    top.fail("type", "type " + quoted(type) + " is not known; say \"mcp\" or \"skill\"");
  read_source(top.object("source"), out.spec);
  read_config(top.object("config"), out);
  out.scope = read_scope(top);
  top.finish();
  return out;
}

service::Scope decode_scope(Body& body) {
  auto top = body.object();
  auto scope = read_scope(top);
  if (top.present() && !scope)
    top.fail("scope", R"(scope is missing: who may see and call it, as in {"scope": "mesh"})");
  top.finish();
  return scope.value_or(service::Scope());
}

std::optional<std::uint64_t> decode_rollback(Body& body) {
  auto top = body.object();
  if (!top.present()) return std::nullopt;
  auto number = top.number("version", 1, std::numeric_limits<std::int64_t>::max());
  top.finish();
  return number;
}

ToolCall decode_call(Body& body, std::string_view text) {
  ToolCall out;
  auto top = body.object();
  if (!top.present()) return out;
  out.tool = top.text("tool", {.required = true, .max = 256}).value_or("");
  if (auto timeout = top.number("timeout_ms", 1, kMaxTimeout))
    out.timeout = Millis(static_cast<Millis::rep>(*timeout));
  out.arguments = "{}";
  const auto* given = top.raw("arguments");
  if (given && !given->is_object())
    top.fail("arguments", "arguments must be a JSON object, as in {\"message\": \"hi\"}");
  top.finish();
  // Not as it would be written anew: numbers and their like pass as they came.
  if (given && !body.failure()) {
    if (auto found = mcp::json::find(text, "arguments")) out.arguments = std::string(*found);
  }
  return out;
}

namespace {

// What describes it to people, if its server says so.
std::string description_of(const json& server) {
  for (const char* key : {"description", "title"}) {
    auto it = server.find(key);
    if (it != server.end() && it->is_string()) return printable(it->get<std::string>(), kMaxDescription);
  }
  return {};
}

json source_of(const service::Spec& spec) {
  json source = json::object();
  if (const auto& npm = spec.npm) {
    source["npm"] = {{"package", npm->package}};
    if (!npm->range.empty()) source["npm"]["version"] = npm->range;
    if (!npm->bin.empty()) source["npm"]["bin"] = npm->bin;
    if (!npm->allow_scripts.empty()) source["npm"]["allow_scripts"] = npm->allow_scripts;
  }
  if (spec.directory) source["directory"] = {{"path", spec.directory->path}};
  if (spec.zip) source["zip"] = {{"file_id", spec.zip->file_id}};
  if (const auto& git = spec.git) {
    source["git"] = {{"url", git->url}};
    if (!git->ref.empty()) source["git"]["ref"] = git->ref;
    if (!git->key.empty()) source["git"]["auth"] = "$vault:" + git->key;
  }
  if (spec.remote) source["remote"] = {{"url", spec.remote->url}};
  if (const auto& image = spec.image) {
    source["image"] = {{"reference", image->reference}};
    if (!image->key.empty()) source["image"]["auth"] = "$vault:" + image->key;
  }
  if (!spec.args.empty()) source["args"] = spec.args;
  return source;
}

json config_of(const service::Insight& inside) {
  json config{{"env", json::object()}, {"network_allow", json::array()}};
  for (const auto& [name, key] : inside.env)
    config["env"][name] = key.empty() ? json() : json("$vault:" + key);
  for (const auto& rule : inside.spec.allow)
    config["network_allow"].push_back(egress::to_string(rule, egress::Verb::allow));
  if (inside.spec.memory) config["memory_mb"] = *inside.spec.memory / kMiB;
  if (inside.spec.milli_cpus) config["cpus"] = *inside.spec.milli_cpus / 1000.0;
  if (inside.spec.idle) config["idle"] = format_duration(*inside.spec.idle);
  if (inside.spec.runtime) config["runtime"] = to_string(*inside.spec.runtime);
  return config;
}

void add_inside(json& out, const service::Insight& inside) {
  out["source"] = source_of(inside.spec);
  out["config"] = config_of(inside);
  out["restarts"] = inside.restarts;
  out["tools_waiting"] = inside.waiting;
  if (!inside.reason.empty()) out["reason"] = inside.reason;
  if (!inside.version.empty()) out["version"] = inside.version;
  if (!inside.command.empty()) out["command"] = inside.command;
  if (!inside.artefact.empty())
    out["artefact"] = {{"hash", inside.artefact}, {"bytes", inside.artefact_bytes}};
  if (!inside.session.empty()) out["session"] = inside.session;
  auto versions = json::array();
  for (const auto& one : inside.versions) {
    json version{{"number", one.number},
                 {"artefact", one.artefact},
                 {"made", format_time(one.made)},
                 {"current", one.number == inside.number}};
    if (!one.version.empty()) version["version"] = one.version;
    versions.push_back(std::move(version));
  }
  out["versions"] = std::move(versions);
}

}  // namespace

json encode(const service::Scope& scope) {
  return json::parse(service::to_json(scope));
}

json encode(const service::View& view) {
  json out{{"mesh", view.mesh},
           {"name", view.name},
           {"type", view.type},
           {"owner", view.owner},
           {"scope", encode(view.scope)},
           {"state", to_string(view.state)},
           {"source_type", view.source},
           {"tools", view.tools},
           {"created", format_time(view.created)},
           {"updated", format_time(view.updated)}};
  if (view.runtime) out["runtime"] = to_string(*view.runtime);
  if (view.skill) {
    out["description"] = printable(view.skill->description, kMaxDescription);
    out["skill"] = {{"name", view.skill->name}};
  }
  auto server = json::parse(view.server_info, nullptr, false);
  if (server.is_object()) {
    auto description = description_of(server);
    if (!description.empty()) out["description"] = std::move(description);
    out["server"] = std::move(server);
  }
  if (view.inside) add_inside(out, *view.inside);
  return out;
}

json encode(const service::BundleFile& file) {
  return {{"path", file.path}, {"bytes", file.bytes}, {"executable", file.executable}};
}

json encode(const service::LogLine& line) {
  return {{"at", format_time(line.at)}, {"text", line.text}};
}

}  // namespace brig::api
