// Policy files and requests: whatever the text, parsing ends, and what it accepts compiles to nothing that
// the second reader objects to. The first byte chooses the reader.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "policy/ceiling.hpp"
#include "policy/effective.hpp"
#include "policy/profile.hpp"
#include "policy/request.hpp"
#include "policy/verify.hpp"

using namespace brig::policy;

namespace {

// A ceiling under which every grant that can be parsed is allowed, so that grants are exercised too.
Ceiling open_ceiling() {
  Ceiling c;
  c.grants.project_write = c.grants.ptrace = true;
  c.grants.syscalls = {"mbind", "memfd_secret", "set_mempolicy", "set_mempolicy_home_node"};
  c.grants.mount_read = c.grants.mount_write = {"/srv"};
  return c;
}

void accepted(const Ceiling& ceiling, const Profile& profile, const Request& request) {
  auto e = resolve(ceiling, profile, request);
  if (!e) return;
  for (const auto& grant : e->grants)
    if (!allows(ceiling, grant)) std::abort();
  if (policy_hash(*e).size() != 64) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (auto p = parse_profile(text, "fuzz.toml")) accepted(open_ceiling(), *p, {});
      break;
    case 1:
      if (auto c = parse_ceiling(text, "fuzz.toml")) {
        if (meet(*c, *c) != *c) std::abort();
        accepted(*c, built_in_profiles().front(), {});
      }
      break;
    case 2: {
      auto object = nlohmann::json::parse(text, nullptr, false);
      if (auto r = parse_request(object)) {
        auto again = parse_request(to_json(*r));
        if (!again || *again != *r) std::abort();
        accepted(open_ceiling(), built_in_profiles().front(), *r);
      }
      break;
    }
    default:
      // Nothing a stranger can write is expected by nobody.
      if (verify(text, {}).empty()) std::abort();
  }
  return 0;
}
