// Facts of an engine and a session that a policy compiles for.
//
// Threads: plain values. Failure: none.
#pragma once

#include <string>

#include "expect.hpp"
#include "policy/compile.hpp"
#include "policy/verify.hpp"

namespace brig::policy::testing {

inline Facts facts() {
  Facts f;
  f.container_name = "brig-test-0123456789abcdef";
  f.installation = "test";
  f.session = SessionId("0123456789abcdef");
  f.owner = "uid:1000";
  f.generation = 3;
  f.hostname = "shell";
  f.image = ImageId("sha256:" + std::string(64, 'a'));
  f.state_dir = "/var/lib/brig";
  f.link_dir = "/var/lib/brig/sessions/0123456789abcdef/link";
  f.workspace_dir = "/var/lib/brig/sessions/0123456789abcdef/workspace";
  f.hosts_file = "/var/lib/brig/sessions/0123456789abcdef/hosts";
  f.resolv_file = "/var/lib/brig/sessions/0123456789abcdef/resolv.conf";
  f.engine_sockets = {"/run/docker.sock", "/srv/engines/one.sock"};
  f.engine_runtimes = {"runc", "crun", "runsc", "io.containerd.runc.v2"};
  return f;
}

inline Profile profile(std::string_view name) {
  for (const auto& p : built_in_profiles())
    if (p.name == name) return p;
  return {};
}

inline std::string text(const std::vector<Violation>& violations) {
  std::string out;
  for (const auto& v : violations) out += v.where + ": " + v.what + "\n";
  return out;
}

}  // namespace brig::policy::testing
