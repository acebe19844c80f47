#include "policy/effective.hpp"

#include <sodium/crypto_hash_sha256.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/random.hpp"
#include "policy/limits.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

// Raised whenever the same policy compiles to another container: sandboxes of the old form are then not taken
// for sandboxes of the new one.
constexpr int kForm = 1;

template <class T>
bool holds(const std::vector<Grant>& grants) {
  return std::any_of(grants.begin(), grants.end(),
                     [](const Grant& g) { return std::holds_alternative<T>(g); });
}

json canonical_grant(const Grant& grant) {
  struct Visitor {
    json operator()(const GrantProjectWrite&) const { return json::array({"project_write"}); }
    json operator()(const GrantPtrace&) const { return json::array({"ptrace"}); }
    json operator()(const GrantSyscalls& s) const { return json::array({"syscalls", s.names}); }
    json operator()(const GrantMount& m) const {
      return json::array({"mount", m.source, m.target, m.writable});
    }
  };
  return std::visit(Visitor{}, grant);
}

}  // namespace

bool Effective::has_project_write() const {
  return holds<GrantProjectWrite>(grants);
}
bool Effective::has_ptrace() const {
  return holds<GrantPtrace>(grants);
}

std::vector<GrantMount> Effective::mounts() const {
  std::vector<GrantMount> out;
  for (const auto& grant : grants)
    if (const auto* mount = std::get_if<GrantMount>(&grant)) out.push_back(*mount);
  return out;
}

std::string policy_hash(const Effective& effective) {
  json form = json::object();
  form["form"] = kForm;
  form["runtime"] = to_string(effective.runtime);
  form["workspace"] = to_string(effective.workspace);
  for (const auto& info : limit_table()) form["limits"][std::string(info.key)] = effective.limits.*info.value;
  form["grants"] = json::array();
  for (const auto& grant : effective.grants) form["grants"].push_back(canonical_grant(grant));
  form["egress"] = to_json(effective.egress);
  auto text = form.dump(-1, ' ', false, json::error_handler_t::replace);
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex(digest);
}

const Limits<std::uint64_t>& default_limits() {
  static const auto limits = [] {
    Limits<std::uint64_t> out;
    for (const auto& info : limit_table()) out.*info.value = info.standard;
    return out;
  }();
  return limits;
}

}  // namespace brig::policy
