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

Error refuse(std::string message, Code code = Code::invalid) {
  return {code, std::move(message), "service: entry", false};
}

bool is_file(int root, const std::string& path) {
  auto fd = volume::open_inside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  return fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode);
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
  std::vector<std::string> out{runtime == Runtime::node ? "node" : "python3",
                               std::string(kInside) + "/" + path};
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
  entry.version = printable(text_of(manifest, "version"), kMaxVersion);
  entry.command = command_of(Runtime::node, home + "/" + path, spec.args);
  return entry;
}

Result<Entry> node_entry(int root, const Spec& spec) {
  Entry entry;
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
    entry.command = command_of(Runtime::node, path, spec.args);
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

}  // namespace

bool is_there(int directory, const char* name) {
  struct stat status {};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<Runtime> detect_runtime(int directory) {
  if (is_there(directory, "bun.lockb") || is_there(directory, "bunfig.toml"))
    return refuse(
        "the directory is made for bun, which services do not run yet; say --runtime node if it runs there",
        Code::unsupported);
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
    return node_entry(root, bridge);
  }
  return runtime == Runtime::node ? node_entry(root, spec) : python_entry(root, spec);
}

}  // namespace brig::service
