#include "api/json/services.hpp"

#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"
#include "mcp/json.hpp"

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
  spec.args = source.texts("args", 64);
  source.finish();
}

void read_runtime(Object& config, service::Spec& spec) {
  auto runtime = config.text("runtime");
  if (!runtime) return;
  if (*runtime == "node") spec.runtime = service::Runtime::node;
  if (*runtime == "python") spec.runtime = service::Runtime::python;
  if (!spec.runtime)
    config.fail("runtime",
                "config.runtime " + quoted(*runtime) + " is not known; say \"node\" or \"python\"");
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
  read_runtime(config, spec);
  config.finish();
}

}  // namespace

service::DeploySpec decode_deploy(Body& body) {
  service::DeploySpec out;
  auto top = body.object();
  if (!top.present()) return out;
  out.name = top.text("name", {.required = true, .max = 256}).value_or("");
  if (!top.has("source")) top.fail("source", "source is missing: {\"npm\": …} or {\"directory\": …}");
  read_source(top.object("source"), out.spec);
  read_config(top.object("config"), out);
  top.finish();
  return out;
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

json encode(const service::View& view) {
  json source = json::object();
  if (const auto& npm = view.spec.npm) {
    source["npm"] = {{"package", npm->package}};
    if (!npm->range.empty()) source["npm"]["version"] = npm->range;
    if (!npm->bin.empty()) source["npm"]["bin"] = npm->bin;
    if (!npm->allow_scripts.empty()) source["npm"]["allow_scripts"] = npm->allow_scripts;
  }
  if (view.spec.directory) source["directory"] = {{"path", view.spec.directory->path}};
  if (!view.spec.args.empty()) source["args"] = view.spec.args;

  json config{{"env", json::object()}, {"network_allow", json::array()}};
  for (const auto& [name, key] : view.env) config["env"][name] = key.empty() ? json() : json("$vault:" + key);
  for (const auto& rule : view.spec.allow)
    config["network_allow"].push_back(egress::to_string(rule, egress::Verb::allow));
  if (view.spec.memory) config["memory_mb"] = *view.spec.memory / kMiB;
  if (view.spec.milli_cpus) config["cpus"] = *view.spec.milli_cpus / 1000.0;
  if (view.spec.runtime) config["runtime"] = to_string(*view.spec.runtime);

  json out{{"mesh", view.mesh},
           {"name", view.name},
           {"type", "mcp"},
           {"owner", view.owner},
           {"state", to_string(view.state)},
           {"source", std::move(source)},
           {"config", std::move(config)},
           {"tools", view.tools},
           {"restarts", view.restarts},
           {"created", format_time(view.created)},
           {"updated", format_time(view.updated)}};
  if (!view.reason.empty()) out["reason"] = view.reason;
  if (view.runtime) out["runtime"] = to_string(*view.runtime);
  if (!view.version.empty()) out["version"] = view.version;
  if (!view.command.empty()) out["command"] = view.command;
  if (!view.artefact.empty()) out["artefact"] = {{"hash", view.artefact}, {"bytes", view.artefact_bytes}};
  if (!view.session.empty()) out["session"] = view.session;
  auto server = json::parse(view.server_info, nullptr, false);
  if (server.is_object()) out["server"] = std::move(server);
  return out;
}

json encode(const service::LogLine& line) {
  return {{"at", format_time(line.at)}, {"text", line.text}};
}

}  // namespace brig::api
