#include "generators.hpp"

#include <ostream>

#include "fixture.hpp"

namespace brig::policy {

void showValue(const Ceiling& c, std::ostream& out) {
  out << "memory " << c.limits.memory.value_or(0) << " pids " << c.limits.pids.value_or(0) << " oom "
      << c.limits.oom_score_adj.value_or(9999) << " runtimes";
  for (auto r : c.runtimes) out << " " << to_string(r);
  out << " read";
  for (const auto& p : c.grants.mount_read) out << " " << p;
  out << " write";
  for (const auto& p : c.grants.mount_write) out << " " << p;
}

namespace testing {
namespace {

using rc::gen::arbitrary;
using rc::gen::elementOf;
using rc::gen::exec;

// rc::gen::inRange grows with the size of a test, so that small ones would always take the first choice.
template <class T>
rc::Gen<T> inRange(T from, T to) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, to));
}

const std::vector<std::string> kPaths{"/",
                                      "/srv",
                                      "/srv/data",
                                      "/srv/data/x",
                                      "/srv/database",
                                      "/srv/out",
                                      "/opt",
                                      "/opt/tools",
                                      "/home/u",
                                      "/home/u/app",
                                      "/run",
                                      "/run/docker.sock",
                                      "/var/run/docker.sock",
                                      "/var",
                                      "/var/run",
                                      "/var/lib",
                                      "/var/lib/docker",
                                      "/var/lib/brig",
                                      "/var/lib/brig/brig.db",
                                      "/var/lib/brig/sessions/0123456789abcdef/link",
                                      "/var/lib/brig/sessions/fedcba9876543210/upper",
                                      "/srv/engines",
                                      "/srv/engines/one.sock",
                                      "/srv/docker.sock",
                                      "/proc",
                                      "/proc/1/root",
                                      "/sys",
                                      "/dev",
                                      "/dev/mem",
                                      "/etc",
                                      "/etc/shadow",
                                      "/boot",
                                      "/srv/../run",
                                      "/srv/./data",
                                      "//srv",
                                      "/srv/",
                                      "/srv//data",
                                      "srv",
                                      "",
                                      ".",
                                      "..",
                                      "/..",
                                      "/srv/data\n",
                                      "/srv/\xff",
                                      "/srv/a:b",
                                      "/srv/a,b",
                                      "/run/brig",
                                      "/workspace",
                                      "/home/agent",
                                      "/tmp",
                                      "/mnt/x",
                                      "/mnt/y",
                                      "/data",
                                      "/usr/bin",
                                      "/lib",
                                      "/Run/docker.sock",
                                      "/srv/data/docker.sock",
                                      "/home/u/.docker/docker.raw.sock",
                                      "/run/brig/init",
                                      "/home",
                                      "/usr",
                                      "/mnt"};

template <class T>
std::set<T> some_of(const std::vector<T>& all) {
  std::set<T> out;
  for (const auto& x : all)
    if (*arbitrary<bool>()) out.insert(x);
  return out;
}

// `half` 1 is the upper half of the range, for ceilings; 0 the lower one, for what is asked of them.
std::optional<std::uint64_t> maybe(int half, std::uint64_t from, std::uint64_t to) {
  if (*inRange(0, 3) != 0) return std::nullopt;
  if (*inRange(0, 200) == 0) return *arbitrary<std::uint64_t>();
  // Few distinct values, so that equal ones meet; now and then one of the other half.
  if (*inRange(0, 60) == 0) half = 1 - half;
  return from + (to - from) / 8 * *inRange<std::uint64_t>(half ? 4 : 0, half ? 9 : 5);
}

Asked asked(int half) {
  constexpr std::uint64_t kMi = 1 << 20;
  Asked out;
  out.memory = maybe(half, 64 * kMi, 16384 * kMi);
  out.milli_cpus = maybe(half, 100, 8000);
  out.pids = maybe(half, 16, 4096);
  out.nofile = maybe(half, 64, 65536);
  out.disk = maybe(half, 64 * kMi, 65536 * kMi);
  out.tmp = maybe(half, kMi, 4096 * kMi);
  out.home = maybe(half, kMi, 4096 * kMi);
  out.run = maybe(half, kMi, 64 * kMi);
  out.shm = maybe(half, kMi, 256 * kMi);
  out.oom_score_adj = maybe(1 - half, 0, 1000);
  return out;
}

std::vector<Grant> grants() {
  std::vector<Grant> out;
  if (*inRange(0, 4) == 0) out.emplace_back(GrantProjectWrite{});
  if (*inRange(0, 4) == 0) out.emplace_back(GrantPtrace{});
  if (*inRange(0, 4) == 0) {
    auto names = some_of<std::string>({"mbind", "memfd_secret", "set_mempolicy"});
    if (*inRange(0, 6) == 0)
      names.insert(*elementOf(std::vector<std::string>{"bpf", "mount", "read", "ptrace", "x"}));
    out.emplace_back(GrantSyscalls{{names.begin(), names.end()}});
  }
  for (int n = *inRange(0, 3); n > 0; --n)
    if (*inRange(0, 8) == 0)
      out.emplace_back(GrantMount{*nasty_path(), *nasty_path(), *arbitrary<bool>()});
    else
      out.emplace_back(GrantMount{
          *elementOf(std::vector<std::string>{"/srv/data/x", "/srv/out", "/opt/tools", "/srv/x:y,z"}),
          "/mnt/" + std::to_string(*inRange(0, 50)), *inRange(0, 4) == 0});
  return out;
}

// Few names and ports, so that they meet, cover and contradict each other often.
std::vector<egress::Rule> egress_rules(egress::Verb verb, int most) {
  std::vector<egress::Rule> out;
  for (int n = *inRange(0, most); n > 0; --n) {
    auto text =
        *elementOf(std::vector<std::string>{"a.test", "b.a.test", "*.a.test", "*.test", "*", "10.0.0.0/8",
                                            "10.1.2.3", "[fd00::]/8", "169.254.169.254", "203.0.113.0/24"});
    auto port = *elementOf(std::vector<std::string>{"", ":80", ":443", ":5432", ":*"});
    auto rule = egress::read_rule((*inRange(0, 4) == 0 && !port.empty() ? "tcp://" : "") + text + port, verb);
    if (rule) out.push_back(std::move(*rule));
  }
  return egress::fewest(std::move(out));
}

Egress egress_wish() {
  Egress out;
  out.allow = egress_rules(egress::Verb::allow, 4);
  if (*inRange(0, 4) == 0) out.deny = egress_rules(egress::Verb::deny, 2);
  out.presets = some_of<Preset>({Preset::provider, Preset::npm, Preset::pip, Preset::apt});
  out.ask = *inRange(0, 4) == 0;
  return out;
}

// Antichains with writable ⊆ readable, as the parser makes them.
std::set<std::string> roots(bool wide) {
  return wide ? std::set<std::string>{"/opt", "/srv"}
              : some_of<std::string>({"/srv/data", "/srv/out", "/opt/tools", "/home/u/app"});
}

}  // namespace

rc::Gen<std::string> nasty_path() {
  return exec([]() -> std::string {
    auto path = *elementOf(kPaths);
    switch (*inRange(0, 12)) {
      case 0:
        return path + "/" + *arbitrary<std::string>();
      case 1:
        return path + "/../" + (*elementOf(kPaths));
      case 2:
        return path + std::string(1, '\0') + "/x";
      case 3:
        return *arbitrary<std::string>();
      default:
        return path;
    }
  });
}

rc::Gen<std::string> nasty_text() {
  return exec([]() -> std::string {
    if (*arbitrary<bool>()) return *arbitrary<std::string>();
    return *elementOf(std::vector<std::string>{"", "a", "-", "brig.owner", "seccomp=unconfined",
                                               "\"},\"Privileged\":true,\"x\":{\"", "a\nb",
                                               std::string(300, 'x'), "\xff\xfe", "uid:1000", "host"});
  });
}

rc::Gen<Ceiling> any_ceiling() {
  return exec([] {
    Ceiling c;
    c.runtimes = some_of<Runtime>({Runtime::runc, Runtime::crun, Runtime::runsc});
    if (*inRange(0, 3) != 0) c.runtimes.insert(Runtime::runc);
    if (*inRange(0, 4) == 0) c.workspaces = some_of<Workspace>({Workspace::overlay, Workspace::readonly});
    c.limits = asked(1);
    c.grants.project_write = *inRange(0, 4) != 0;
    c.grants.ptrace = *inRange(0, 4) != 0;
    c.grants.syscalls = *arbitrary<bool>() ? std::set<std::string>{"mbind", "memfd_secret", "set_mempolicy"}
                                           : some_of<std::string>({"mbind", "memfd_secret", "set_mempolicy"});
    bool wide = *inRange(0, 4) != 0;
    c.grants.mount_read = roots(wide);
    for (const auto& root : c.grants.mount_read)
      if (*arbitrary<bool>()) c.grants.mount_write.insert(root);
    if (*inRange(0, 3) != 0) c.egress.allow = egress_rules(egress::Verb::allow, 6);
    if (*inRange(0, 4) == 0) c.egress.deny = egress_rules(egress::Verb::deny, 2);
    c.egress.ask = *inRange(0, 4) != 0;
    return c;
  });
}

rc::Gen<Request> any_request() {
  return exec([] {
    Request r;
    if (*inRange(0, 4) == 0)
      r.runtime = *elementOf(std::vector{Runtime::runc, Runtime::crun, Runtime::runsc});
    if (*inRange(0, 4) == 0) r.workspace = *elementOf(std::vector{Workspace::overlay, Workspace::readonly});
    if (*arbitrary<bool>()) r.limits = asked(0);
    if (*arbitrary<bool>()) r.grants = grants();
    if (*inRange(0, 3) == 0) r.egress = egress_wish();
    return r;
  });
}

rc::Gen<Profile> any_profile() {
  return exec([]() -> Profile {
    if (*arbitrary<bool>()) return *elementOf(built_in_profiles());
    auto like = *any_request();
    Profile p;
    p.name = *nasty_text();
    p.built_in = *arbitrary<bool>();
    p.runtime = like.runtime;
    p.workspace = like.workspace;
    p.limits = like.limits;
    p.grants = like.grants;
    p.egress = like.egress;
    return p;
  });
}

rc::Gen<Facts> any_facts() {
  return exec([] {
    auto f = facts();
    for (const auto& path : kPaths) f.real_path[path] = *inRange(0, 16) == 0 ? *nasty_path() : path;
    f.engine_cgroup = *inRange(1u, 3u);
    // One field at a time goes wrong: what else is wrong would hide it.
    switch (*inRange(0, 24)) {
      case 0:
        f.container_name = *nasty_text();
        break;
      case 1:
        f.installation = *nasty_text();
        break;
      case 2:
        f.owner = *nasty_text();
        break;
      case 3:
        f.hostname = *nasty_text();
        break;
      case 4:
        f.image = ImageId(*nasty_text());
        break;
      case 5:
        f.image_volumes = {*nasty_path()};
        break;
      case 6:
        f.image_label_keys = {*nasty_text(), "brig.session"};
        break;
      case 7:
        f.link_dir = *nasty_path();
        break;
      case 8:
      case 9:
      case 10:
      case 11:
        f.workspace_dir = *nasty_path();
        break;
      case 12:
        f.state_dir = *nasty_path();
        break;
      case 13:
        f.session = SessionId(*nasty_text());
        break;
      case 14:
        f.runtime_names[Runtime::runc] = *nasty_text();
        break;
      case 16:
        f.hosts_file.clear();
        break;
      case 17:
        f.hosts_file = *nasty_path();
        break;
      case 18:
        f.resolv_file = *nasty_path();
        break;
      case 19:
        f.resolv_file.clear();
        break;
      case 15:
        f.engine_runtimes = {*nasty_text(), "runc"};
        break;
      default:
        break;
    }
    return f;
  });
}

}  // namespace testing
}  // namespace brig::policy
