#include "service/entry.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "volume/files.hpp"

namespace brig::service {
namespace {

using json = nlohmann::ordered_json;  // which of several commands is the first, matters

constexpr std::size_t kMaxManifest = 1 << 20;
constexpr std::size_t kMaxVersion = 128;

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "service: entry", false};
}

Error no_command() {
  return {Code::corrupt, "the ledger's command of a service does not read", "service", false};
}

// With `mode`, one that has any of its bits.
bool is_file(int root, const std::string& path, mode_t mode = 07777) {
  auto fd = volume::open_inside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  return fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & mode) != 0;
}

// As a package.json writes it, relative to where that is; "" for what leads elsewhere.
std::string plain(std::string_view path) {
  std::string out;
  for (auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." || part.find('\0') != part.npos) return {};
    out += (out.empty() ? "" : "/") + std::string(part);
  }
  return path.starts_with('/') ? std::string() : out;
}

Result<json> read_manifest(int root, const std::string& path) {
  BRIG_TRY(auto text, volume::read_inside(root, path, kMaxManifest));
  auto manifest = json::parse(text, nullptr, false);
  if (manifest.is_object()) return manifest;
  return refuse(quoted(path, 256) + " is no JSON object; mend it and deploy again");
}

std::string text_of(const json& manifest, const char* key) {
  auto it = manifest.find(key);
  return it != manifest.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// {name: path} of its commands; npm takes a single path for one of the package's own name.
std::vector<std::pair<std::string, std::string>> bins_of(const json& manifest, const std::string& package) {
  std::vector<std::pair<std::string, std::string>> out;
  auto it = manifest.find("bin");
  if (it == manifest.end()) return out;
  auto own = package.substr(package.rfind('/') + 1);
  if (it->is_string()) out.emplace_back(own, it->get<std::string>());
  if (it->is_object())
    for (const auto& [name, path] : it->items())
      if (path.is_string()) out.emplace_back(name, path.get<std::string>());
  return out;
}

std::vector<std::string> command_of(Runtime runtime, const std::string& path,
                                    const std::vector<std::string>& args) {
  std::vector<std::string> out{std::string(kInside) + "/" + path};
  if (runtime != Runtime::binary)
    out.insert(out.begin(), runtime == Runtime::python ? "python3" : std::string(to_string(runtime)));
  out.insert(out.end(), args.begin(), args.end());
  return out;
}

Result<Entry> npm_entry(int root, const Spec& spec) {
  const auto& npm = *spec.npm;
  auto home = "node_modules/" + npm.package;
  BRIG_TRY(auto manifest, read_manifest(root, home + "/package.json"));
  auto bins = bins_of(manifest, npm.package);
  std::string wanted = npm.bin, names;
  for (const auto& [name, path] : bins) names += (names.empty() ? "" : ", ") + printable(name);
  if (wanted.empty() && bins.size() == 1) wanted = bins.begin()->first;
  if (wanted.empty()) wanted = npm.package.substr(npm.package.rfind('/') + 1);
  auto it = std::find_if(bins.begin(), bins.end(), [&](const auto& bin) { return bin.first == wanted; });
  if (it == bins.end())
    return refuse(bins.empty() ? "package " + quoted(npm.package) +
                                     " has no command, so it is no server that could be started"
                               : "package " + quoted(npm.package) + " has no command " + quoted(wanted) +
                                     "; say which of these with --bin: " + printable(names, 1000));
  auto path = plain(it->second);
  if (path.empty() || !is_file(root, home + "/" + path))
    return refuse("command " + quoted(wanted) + " of package " + quoted(npm.package) + " leads to " +
                  quoted(it->second) + ", which is no file of the package");
  Entry entry;
  entry.runtime = spec.runtime.value_or(Runtime::node);
  entry.version = printable(text_of(manifest, "version"), kMaxVersion);
  entry.command = command_of(entry.runtime, home + "/" + path, spec.args);
  return entry;
}

Result<Entry> script_entry(int root, const Spec& spec, Runtime runtime) {
  Entry entry;
  entry.runtime = runtime;
  std::vector<std::string> candidates;
  auto manifest = read_manifest(root, "package.json");
  if (!manifest && manifest.error().code != Code::not_found) return std::move(manifest).error();
  if (manifest) {
    entry.version = printable(text_of(*manifest, "version"), kMaxVersion);
    candidates.push_back(plain(text_of(*manifest, "main")));
    auto bins = bins_of(*manifest, text_of(*manifest, "name"));
    if (!bins.empty()) candidates.push_back(plain(bins.begin()->second));
  }
  for (const char* usual : {"dist/index.js", "src/index.js", "src/index.ts", "index.js"})
    candidates.emplace_back(usual);
  for (const auto& path : candidates) {
    if (path.empty() || !is_file(root, path)) continue;
    entry.command = command_of(runtime, path, spec.args);
    return entry;
  }
  return refuse(
      "the directory has nothing to start: neither package.json's main or bin, nor dist/index.js, "
      "src/index.js, "
      "src/index.ts or index.js is a file; name one as main");
}

Result<Entry> python_entry(int root, const Spec& spec) {
  Entry entry;
  entry.runtime = Runtime::python;
  for (const char* path : {"server.py", "src/server.py", "main.py", "src/main.py"}) {
    if (!is_file(root, path)) continue;
    entry.command = command_of(Runtime::python, path, spec.args);
    return entry;
  }
  entry.command = {"python3", "-m", "server"};
  entry.command.insert(entry.command.end(), spec.args.begin(), spec.args.end());
  return entry;
}

Result<Entry> binary_entry(int root, const Spec& spec) {
  Entry entry;
  entry.runtime = Runtime::binary;
  for (const char* path : {"server", "bin/server"}) {
    if (!is_file(root, path, 0111)) continue;
    entry.command = command_of(Runtime::binary, path, spec.args);
    return entry;
  }
  return refuse(
      "the directory has nothing to start: neither server nor bin/server is a file that may be executed; "
      "call the "
      "program so, and let it be executable");
}

}  // namespace

std::string provider_of(Runtime runtime) {
  switch (runtime) {
    case Runtime::node:
    case Runtime::bun:
      return "node";
    case Runtime::python:
      return "python";
    case Runtime::binary:
      break;
  }
  return "shell";
}

// Sorted, for it is compared with what is there.
std::string entry_to_json(const Entry& entry) {
  nlohmann::json out{{"version", entry.version}};
  if (entry.skill) {
    out["skill"] = {{"name", entry.skill->name}, {"description", entry.skill->description}};
  } else {
    out["command"] = entry.command;
  }
  if (entry.image) {
    const auto& image = *entry.image;
    out["image"] = {{"id", image.id.str()}, {"digest", image.digest}, {"directory", image.directory}};
  } else if (!entry.skill) {
    out["runtime"] = to_string(entry.runtime);
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Entry> entry_from_json(const std::string& text) try {
  auto in = nlohmann::json::parse(text, nullptr, false);
  Entry entry;
  if (in.is_object() && in.contains("skill") && in["skill"].is_object()) {
    entry.version = in.value("version", "");
    entry.skill = {in["skill"].value("name", ""), in["skill"].value("description", "")};
    return entry;
  }
  if (in.is_object() && in.contains("command") && in["command"].is_array()) {
    entry.runtime = runtime_of(in.value("runtime", "")).value_or(Runtime::node);
    entry.version = in.value("version", "");
    for (const auto& word : in["command"]) entry.command.push_back(word.get<std::string>());
  }
  if (in.is_object() && in.contains("image") && in["image"].is_object()) {
    const auto& image = in["image"];
    entry.image = {ImageId(image.value("id", "")), image.value("digest", ""), image.value("directory", "")};
  }
  if (!entry.command.empty()) return entry;
  return no_command();
} catch (const nlohmann::json::exception&) {  // a member is of another kind
  return no_command();
}

bool is_there(int directory, const char* name) {
  struct stat status {};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Runtime detect_runtime(int directory) {
  for (const char* file : {"bun.lockb", "bun.lock", "bunfig.toml"})
    if (is_there(directory, file)) return Runtime::bun;
  if (is_there(directory, "package.json")) return Runtime::node;
  if (is_there(directory, "pyproject.toml") || is_there(directory, "requirements.txt"))
    return Runtime::python;
  return Runtime::node;
}

Result<Entry> find_entry(int root, const Spec& spec, Runtime runtime) {
  if (spec.npm) return npm_entry(root, spec);
  if (spec.remote) {
    Spec bridge;
    bridge.args = {spec.remote->url};
    return script_entry(root, bridge, Runtime::node);
  }
  if (runtime == Runtime::binary) return binary_entry(root, spec);
  return runtime == Runtime::python ? python_entry(root, spec) : script_entry(root, spec, runtime);
}

}  // namespace brig::service
