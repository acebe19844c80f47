#include "service/spec.hpp"

#include <strings.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"
#include "image/reference.hpp"
#include "session/git.hpp"
#include "vault/vault.hpp"

namespace brig::service {
namespace {

using nlohmann::json;

constexpr std::string_view kReference = "$vault:";
constexpr std::size_t kMaxArguments = 64;
constexpr std::size_t kMaxArgument = 4096;
constexpr std::size_t kMaxVariables = 128;
constexpr std::size_t kMaxValue = 32 * 1024;
constexpr std::uint64_t kLeastMemory = 16u << 20;
constexpr Millis kLeastIdle{1'000};
constexpr Millis kMostIdle = std::chrono::hours(24 * 30);

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "service", false};
}

bool made_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) || others.find(static_cast<char>(c)) != others.npos;
  });
}

bool is_package_part(std::string_view part) {
  return !part.empty() && part[0] != '.' && part[0] != '-' && made_of(part, "-._~");
}

// The names that a registry has: nothing that npm would take for a URL, a path or another name.
bool is_package(std::string_view name) {
  if (name.size() > 214) return false;
  if (!name.starts_with('@')) return is_package_part(name);
  auto slash = name.find('/');
  return slash != name.npos && is_package_part(name.substr(1, slash - 1)) &&
         is_package_part(name.substr(slash + 1));
}

Result<void> check_package(const std::string& field, const std::string& name) {
  if (is_package(name)) return {};
  return refuse(field + " " + quoted(name) +
                " is no package's name in a registry; write it as in \"name\" or \"@scope/name\"");
}

Result<void> check_npm(const NpmSource& npm) {
  BRIG_CHECK(check_package("source.npm.package", npm.package));
  if (npm.range.size() > 128 || !made_of(npm.range, ".^~<>=|*+- ") || npm.range.starts_with('-'))
    return refuse("source.npm.version " + quoted(npm.range) +
                  " is neither a version, a range nor a tag; write it as in \"1.2.3\", \"^1\" or \"latest\"");
  if (npm.bin.size() > 128 || !made_of(npm.bin, "-._") || npm.bin.starts_with('-') ||
      npm.bin.starts_with('.'))
    return refuse("source.npm.bin " + quoted(npm.bin) + " is no name of a command");
  if (npm.allow_scripts.size() > kMaxArguments)
    return refuse("source.npm.allow_scripts names more than 64 packages");
  for (const auto& name : npm.allow_scripts) BRIG_CHECK(check_package("source.npm.allow_scripts", name));
  return {};
}

Result<void> check_directory(const DirectorySource& directory) {
  if (directory.path.starts_with('/') && directory.path.size() < 4096 &&
      directory.path.find('\0') == std::string::npos)
    return {};
  return refuse("source.directory.path " + quoted(directory.path) +
                " is no absolute path; write where the server's directory is on this host");
}

Result<void> check_repository(const RepositorySource& git) {
  auto way = session::way_to({git.url, git.ref});
  if (!way) {
    auto error = std::move(way).error();
    error.message = "source." + error.message;
    return error;
  }
  if (git.key.empty()) return {};
  BRIG_CHECK(vault::check_key("the key in source.git.auth", git.key));
  if (git.url.starts_with("https://")) return {};
  return refuse("source.git.auth would be seen by everybody on the way to " + quoted(git.url, 300) +
                "; give the repository by https://, or leave it out");
}

Result<void> check_image(const ImageSource& image, const std::optional<Runtime>& runtime) {
  BRIG_CHECK(image::check_image_reference("source.image.reference", image.reference));
  if (!image.key.empty()) BRIG_CHECK(vault::check_key("the key in source.image.auth", image.key));
  if (!runtime) return {};
  return refuse("config.runtime is given for source.image, which says itself what runs; leave it out");
}

// What has a meaning for servers alone.
Result<void> check_skill(const Spec& spec) {
  if (spec.npm)
    return refuse("source.npm holds packages that run, and no skills; give a zip, git or a directory");
  if (spec.remote || spec.image)
    return refuse("source." + std::string(source_kind(spec)) +
                  " is of servers, and has no files; give a zip, git or a directory");
  const std::pair<bool, const char*> said[] = {
      {spec.idle.has_value(), "config.idle"},        {!spec.args.empty(), "source.args"},
      {!spec.allow.empty(), "config.network_allow"}, {spec.memory.has_value(), "config.memory_mb"},
      {spec.milli_cpus.has_value(), "config.cpus"},  {spec.runtime.has_value(), "config.runtime"}};
  for (const auto& [given, field] : said)
    if (given) return refuse(std::string(field) + " is given for a skill, which is not run; leave it out");
  return {};
}

template <class T>
void put(json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

template <class T>
std::optional<T> number(const json& object, const char* key) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return {};
  return it->get<T>();
}

std::vector<std::string> strings(const json& object, const char* key) {
  std::vector<std::string> out;
  auto it = object.find(key);
  if (it == object.end() || !it->is_array()) return out;
  for (const auto& item : *it)
    if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

Error damaged(std::string_view what) {
  return {Code::corrupt, "the ledger's " + std::string(what) + " of a service does not read", "service",
          false};
}

}  // namespace

std::string_view to_string(State state) {
  constexpr std::string_view kWords[] = {"building",   "installing", "starting", "running", "paused",
                                         "restarting", "stopped",    "failed",   "crashed", "ready"};
  return kWords[static_cast<std::size_t>(state)];
}

std::optional<State> state_of(std::string_view text) {
  for (auto state : {State::building, State::installing, State::starting, State::running, State::paused,
                     State::restarting, State::stopped, State::failed, State::crashed, State::ready})
    if (to_string(state) == text) return state;
  return {};
}

std::string_view to_string(Runtime runtime) {
  constexpr std::string_view kWords[] = {"node", "python", "bun", "binary"};
  return kWords[static_cast<std::size_t>(runtime)];
}

std::optional<Runtime> runtime_of(std::string_view text) {
  for (auto runtime : kRuntimes)
    if (to_string(runtime) == text) return runtime;
  return {};
}

Result<void> check_spec(const Spec& spec) {
  if (spec.npm.has_value() + spec.directory.has_value() + spec.git.has_value() + spec.zip.has_value() +
          spec.remote.has_value() + spec.image.has_value() !=
      1)
    return refuse("source must name one of npm, git, zip, image, remote and directory");
  if (spec.skill) BRIG_CHECK(check_skill(spec));
  if (spec.npm) BRIG_CHECK(check_npm(*spec.npm));
  if (spec.directory) BRIG_CHECK(check_directory(*spec.directory));
  if (spec.git) BRIG_CHECK(check_repository(*spec.git));
  if (spec.remote) {
    BRIG_CHECK(egress::rule_of_url("source.remote.url", spec.remote->url));
    if (!spec.args.empty() || spec.runtime)
      return refuse(
          "source.args and config.runtime are of servers that run here, which one at source.remote does not; "
          "leave them out");
  }
  if (spec.image) BRIG_CHECK(check_image(*spec.image, spec.runtime));
  if (spec.npm && spec.runtime == Runtime::python)
    return refuse("config.runtime \"python\" cannot run a package of npm; leave it out");
  if (spec.args.size() > kMaxArguments) return refuse("source.args holds more than 64 arguments");
  for (const auto& argument : spec.args) {
    if (argument.size() > kMaxArgument || argument.find('\0') != argument.npos || !is_utf8(argument))
      return refuse("source.args holds " + quoted(argument) + ", which is too long or no text");
    if (argument.find(kReference) != argument.npos)
      return refuse("source.args holds " + quoted(argument) +
                    ": arguments are seen by everybody; give the value as a variable, --env "
                    "'NAME=$vault:KEY'");
  }
  if (spec.memory && *spec.memory < kLeastMemory)
    return refuse("config.memory_mb is below 16, too little for any runtime");
  if (spec.milli_cpus && *spec.milli_cpus == 0)
    return refuse("config.cpus is 0; write at least 0.001, or leave it out");
  if (spec.idle && (*spec.idle < kLeastIdle || *spec.idle > kMostIdle))
    return refuse("config.idle is " + format_duration(*spec.idle) +
                  "; write something from 1s to 30d, or leave it out");
  return {};
}

std::string vault_key_of(const Secret& value) {
  auto text = value.reveal();
  return text.starts_with(kReference) ? std::string(text.substr(kReference.size())) : std::string();
}

Result<void> check_env(const std::map<std::string, Secret>& env) {
  if (env.size() > kMaxVariables) return refuse("config.env holds more than 128 variables");
  for (const auto& [name, value] : env) {
    BRIG_CHECK(check_env_name("config.env", name));
    auto text = value.reveal();
    if (text.size() > kMaxValue || text.find('\0') != text.npos || !is_utf8(text))
      return refuse("the value of config.env." + name + " is over 32 KiB or no text");
    auto at = text.find(kReference);
    if (at == text.npos) continue;
    if (at != 0)
      return refuse("the value of config.env." + name +
                    " has $vault: in its middle; a reference is the whole value, as in \"$vault:KEY\"");
    BRIG_CHECK(vault::check_key("the key in config.env." + name, text.substr(kReference.size())));
  }
  return {};
}

std::string spec_to_json(const Spec& spec) {
  json out = json::object();
  if (spec.npm)
    out["npm"] = {{"package", spec.npm->package},
                  {"version", spec.npm->range},
                  {"bin", spec.npm->bin},
                  {"allow_scripts", spec.npm->allow_scripts}};
  if (spec.directory) {
    out["directory"] = {{"path", spec.directory->path}};
    put(out["directory"], "uid", spec.directory->uid);
    put(out["directory"], "gid", spec.directory->gid);
  }
  if (spec.git) out["git"] = {{"url", spec.git->url}, {"ref", spec.git->ref}, {"key", spec.git->key}};
  if (spec.remote) out["remote"] = {{"url", spec.remote->url}};
  if (spec.image)
    out["image"] = {
        {"reference", spec.image->reference}, {"key", spec.image->key}, {"local", spec.image->local}};
  if (spec.zip) out["zip"] = {{"file_id", spec.zip->file_id}, {"kept", spec.zip->kept}};
  if (spec.skill) out["skill"] = true;
  if (spec.runtime) out["runtime"] = to_string(*spec.runtime);
  out["args"] = spec.args;
  out["allow"] = json::array();
  for (const auto& rule : spec.allow) out["allow"].push_back(egress::to_string(rule, egress::Verb::allow));
  put(out, "memory", spec.memory);
  put(out, "milli_cpus", spec.milli_cpus);
  if (spec.idle) out["idle_ms"] = spec.idle->count();
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Spec> spec_from_json(const std::string& text) try {
  auto in = json::parse(text, nullptr, false);
  if (!in.is_object()) return damaged("source");
  Spec spec;
  if (in.contains("npm") && in["npm"].is_object()) {
    const auto& npm = in["npm"];
    spec.npm = {npm.value("package", ""), npm.value("version", ""), npm.value("bin", ""),
                strings(npm, "allow_scripts")};
  }
  if (in.contains("directory") && in["directory"].is_object()) {
    const auto& directory = in["directory"];
    spec.directory = {directory.value("path", ""), number<uid_t>(directory, "uid"),
                      number<gid_t>(directory, "gid")};
  }
  if (in.contains("git") && in["git"].is_object()) {
    const auto& git = in["git"];
    spec.git = {git.value("url", ""), git.value("ref", ""), git.value("key", "")};
  }
  if (in.contains("zip") && in["zip"].is_object())
    spec.zip = {in["zip"].value("file_id", ""), in["zip"].value("kept", "")};
  if (in.contains("remote") && in["remote"].is_object()) spec.remote = {in["remote"].value("url", "")};
  if (in.contains("image") && in["image"].is_object()) {
    const auto& image = in["image"];
    spec.image = {image.value("reference", ""), image.value("key", ""), image.value("local", json()) == true};
  }
  spec.skill = in.value("skill", json()) == true;
  spec.runtime = runtime_of(in.value("runtime", ""));
  spec.args = strings(in, "args");
  for (const auto& rule : strings(in, "allow")) {
    BRIG_TRY(auto read, egress::read_rule(rule, egress::Verb::allow));
    spec.allow.push_back(std::move(read));
  }
  spec.memory = number<std::uint64_t>(in, "memory");
  spec.milli_cpus = number<std::uint32_t>(in, "milli_cpus");
  if (auto idle = number<std::uint32_t>(in, "idle_ms")) spec.idle = Millis(*idle);
  if (auto fine = check_spec(spec); !fine) return damaged("source");
  return spec;
} catch (const json::exception&) {  // a member is of another kind
  return damaged("source");
}

Secret env_to_text(const std::map<std::string, Secret>& env) {
  json out = json::object();
  for (const auto& [name, value] : env) out[name] = std::string(value.reveal());
  auto text = out.dump();
  Secret secret(text);
  ::explicit_bzero(text.data(), text.size());
  for (auto& [name, value] : out.items()) {
    auto& held = value.get_ref<std::string&>();
    ::explicit_bzero(held.data(), held.size());
  }
  return secret;
}

Result<std::map<std::string, Secret>> env_from_text(const Secret& text) {
  auto in = json::parse(text.reveal(), nullptr, false);
  if (!in.is_object()) return damaged("variables");
  std::map<std::string, Secret> out;
  for (auto& [name, value] : in.items()) {
    if (!value.is_string()) return damaged("variables");
    auto& held = value.get_ref<std::string&>();
    out[name] = Secret(held);
    ::explicit_bzero(held.data(), held.size());
  }
  return out;
}

std::string_view source_kind(const Spec& spec) {
  if (spec.npm) return "npm";
  if (spec.git) return "git";
  if (spec.zip) return "zip";
  if (spec.remote) return "remote";
  if (spec.image) return "image";
  return spec.directory ? "directory" : "";
}

std::string source_text(const Spec& spec) {
  if (spec.directory) return "directory " + spec.directory->path;
  if (spec.git) return "git " + spec.git->url + (spec.git->ref.empty() ? "" : " " + spec.git->ref);
  if (spec.remote) return "remote " + spec.remote->url;
  if (spec.image) return "image " + spec.image->reference;
  if (spec.zip) return "zip " + spec.zip->file_id;
  if (!spec.npm) return {};
  return "npm " + spec.npm->package + (spec.npm->range.empty() ? "" : "@" + spec.npm->range);
}

}  // namespace brig::service
