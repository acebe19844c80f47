#include "policy/grants.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "policy/host_path.hpp"
#include "policy/seccomp.hpp"

namespace brig::policy {
namespace {

constexpr std::size_t kMaxMounts = 32;
constexpr std::size_t kMaxSyscalls = 64;

bool below(const std::string& path, const std::string& root) {
  return root == "/" || path == root ||
         (path.size() > root.size() && path.compare(0, root.size(), root) == 0 && path[root.size()] == '/');
}

std::vector<std::string> read_syscalls(Reader& reader) {
  auto names = reader.texts("syscalls", kMaxSyscalls);
  for (const auto& name : names)
    if (auto fine = check_grantable(name); !fine) reader.fail("syscalls", fine.error().message);
  return names;
}

GrantMount read_mount(Reader& reader) {
  GrantMount mount;
  mount.source = reader.text("source").value_or("");
  mount.target = reader.text("target").value_or("");
  mount.writable = reader.flag("writable").value_or(false);
  reader.finish();
  if (auto fine = check_host_path("grants.mount.source", mount.source, "", {}); !fine)
    reader.fail("source", fine.error().message);
  if (auto fine = check_mount_target("grants.mount.target", mount.target); !fine)
    reader.fail("target", fine.error().message);
  return mount;
}

std::set<std::string> read_roots(Reader& reader, std::string_view key) {
  std::set<std::string> out;
  for (auto& path : reader.texts(key, kMaxMounts)) {
    if (auto fine = check_host_path("grants." + std::string(key), path, "", {}); !fine)
      reader.fail(key, fine.error().message);
    out.insert(std::move(path));
  }
  return out;
}

}  // namespace

std::vector<Grant> read_grants(Reader reader) {
  std::vector<Grant> out;
  if (!reader.present()) return out;
  if (reader.flag("project_write").value_or(false)) out.emplace_back(GrantProjectWrite{});
  if (reader.flag("ptrace").value_or(false)) out.emplace_back(GrantPtrace{});
  if (auto names = read_syscalls(reader); !names.empty()) out.emplace_back(GrantSyscalls{std::move(names)});
  for (auto& entry : reader.tables("mount", kMaxMounts)) out.emplace_back(read_mount(entry));
  reader.finish();
  return canonical(std::move(out));
}

GrantBounds read_grant_bounds(Reader reader) {
  GrantBounds out;
  if (!reader.present()) return out;
  out.project_write = reader.flag("project_write").value_or(false);
  out.ptrace = reader.flag("ptrace").value_or(false);
  auto names = read_syscalls(reader);
  out.syscalls.insert(names.begin(), names.end());
  out.mount_write = fewest_roots(read_roots(reader, "mount_write"));
  auto readable = read_roots(reader, "mount_read");
  readable.insert(out.mount_write.begin(), out.mount_write.end());
  out.mount_read = fewest_roots(readable);
  reader.finish();
  return out;
}

std::vector<Grant> canonical(std::vector<Grant> grants) {
  GrantSyscalls all;
  std::vector<Grant> out;
  for (auto& grant : grants) {
    if (auto* s = std::get_if<GrantSyscalls>(&grant))
      all.names.insert(all.names.end(), s->names.begin(), s->names.end());
    else
      out.push_back(std::move(grant));
  }
  std::sort(all.names.begin(), all.names.end());
  all.names.erase(std::unique(all.names.begin(), all.names.end()), all.names.end());
  if (!all.names.empty()) out.emplace_back(std::move(all));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::set<std::string> fewest_roots(const std::set<std::string>& roots) {
  std::set<std::string> out;
  for (const auto& root : roots)
    if (std::none_of(roots.begin(), roots.end(),
                     [&](const std::string& other) { return other != root && below(root, other); }))
      out.insert(root);
  return out;
}

std::set<std::string> common_roots(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::set<std::string> out;
  for (const auto& x : a)
    for (const auto& y : b) {
      if (below(x, y)) out.insert(x);
      if (below(y, x)) out.insert(y);
    }
  return fewest_roots(out);
}

bool covered(const std::set<std::string>& roots, const std::string& path) {
  return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) { return below(path, root); });
}

}  // namespace brig::policy
