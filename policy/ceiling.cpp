#include "policy/ceiling.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "policy/document.hpp"
#include "policy/grants.hpp"
#include "policy/limits.hpp"

namespace brig::policy {
namespace {

template <class T>
std::set<T> both(const std::set<T>& a, const std::set<T>& b) {
  std::set<T> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

template <class T, class From>
void read_words(Reader& reader, std::string_view key, std::set<T>& out, From from, std::string_view known) {
  if (!reader.has(key)) return;
  out.clear();
  for (const auto& word : reader.texts(key, 8)) {
    auto value = from(word);
    if (!value) {
      reader.fail(
          key, quoted(word) + " in '" + std::string(key) + "' is unknown; known are " + std::string(known));
      return;
    }
    out.insert(*value);
  }
  if (out.empty() && !reader.failed())
    reader.fail(key, "'" + std::string(key) + "' is empty, so nothing could run; name at least one of " +
                         std::string(known));
}

}  // namespace

Result<Ceiling> parse_ceiling(std::string_view toml, std::string_view file) {
  nlohmann::json root;
  BRIG_TRY(auto document, read_toml(toml, file, root));
  Source source(file, &document);
  Reader top(source, &root, "", "the ceiling");
  Ceiling out;
  read_words(top, "runtimes", out.runtimes, runtime_from, "runc, crun, runsc");
  read_words(top, "workspaces", out.workspaces, workspace_from, "overlay, readonly");
  auto limits = top.table("limits");
  out.limits = read_limits(limits);
  out.grants = read_grant_bounds(top.table("grants"));
  out.egress = read_egress_bounds(top.table("egress"));
  top.finish();
  BRIG_CHECK(source.result());
  return out;
}

Ceiling meet(const Ceiling& a, const Ceiling& b) {
  Ceiling out;
  out.runtimes = both(a.runtimes, b.runtimes);
  out.workspaces = both(a.workspaces, b.workspaces);
  for (const auto& info : limit_table()) {
    const auto& x = a.limits.*info.asked;
    const auto& y = b.limits.*info.asked;
    out.limits.*info.asked = x && y ? stricter(info, *x, *y) : x ? x : y;
  }
  out.grants.project_write = a.grants.project_write && b.grants.project_write;
  out.grants.ptrace = a.grants.ptrace && b.grants.ptrace;
  out.grants.syscalls = both(a.grants.syscalls, b.grants.syscalls);
  out.grants.mount_read = common_roots(a.grants.mount_read, b.grants.mount_read);
  out.grants.mount_write = common_roots(a.grants.mount_write, b.grants.mount_write);
  out.egress = meet(a.egress, b.egress);
  return out;
}

Ceiling within_host(Ceiling ceiling, std::uint64_t host_memory, unsigned host_cpus) {
  Ceiling host = ceiling;
  host.limits = {};
  host.limits.memory = host_memory;
  host.limits.milli_cpus = std::uint64_t{host_cpus} * 1000;
  return meet(ceiling, host);
}

bool allows(const Ceiling& ceiling, const Grant& grant) {
  struct Visitor {
    const GrantBounds& bounds;
    bool operator()(const GrantProjectWrite&) const { return bounds.project_write; }
    bool operator()(const GrantPtrace&) const { return bounds.ptrace; }
    bool operator()(const GrantSyscalls& s) const {
      return std::all_of(s.names.begin(), s.names.end(),
                         [&](const std::string& name) { return bounds.syscalls.contains(name); });
    }
    bool operator()(const GrantMount& m) const {
      return covered(m.writable ? bounds.mount_write : bounds.mount_read, m.source);
    }
  };
  return std::visit(Visitor{ceiling.grants}, grant);
}

}  // namespace brig::policy
