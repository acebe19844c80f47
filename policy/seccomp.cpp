#include "policy/seccomp.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"
#include "policy/document.hpp"
#include "policy/embedded.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

constexpr int kEperm = 1;
constexpr int kEnosys = 38;
constexpr int kEafnosupport = 97;

struct Group {
  SyscallGroup said;
  int error = kEperm;
  std::vector<json> alternatives;  // each a list of Docker's args; empty: whatever the arguments
};

json test(unsigned arg, const char* op, std::uint64_t value, std::uint64_t value_two = 0) {
  json out{{"index", arg}, {"value", value}, {"op", op}};
  if (value_two != 0 || std::string_view(op) == "SCMP_CMP_MASKED_EQ") out["valueTwo"] = value_two;
  return out;
}

// "The low 32 bits are none of these", in a language that only knows "these bits are exactly so": one pattern
// for every bit at which a value may first part from all of the forbidden ones.
std::vector<json> none_of_32(unsigned arg, const std::set<std::uint32_t>& forbidden) {
  std::vector<json> out;
  std::set<std::pair<int, std::uint32_t>> seen;
  for (auto value : forbidden)
    for (int bit = 31; bit >= 0; --bit) {
      // The prefix of `value` down to `bit`, that bit turned over.
      std::uint32_t mask = ~std::uint32_t{0} << bit;
      std::uint32_t prefix = (value ^ (std::uint32_t{1} << bit)) & mask;
      bool leads_to_forbidden = std::any_of(forbidden.begin(), forbidden.end(),
                                            [&](std::uint32_t other) { return (other & mask) == prefix; });
      if (leads_to_forbidden || !seen.emplace(bit, prefix).second) continue;
      // Docker's MASKED_EQ: value is the mask, valueTwo what must be left.
      out.push_back(json::array({test(arg, "SCMP_CMP_MASKED_EQ", mask, prefix)}));
    }
  return out;
}

std::vector<json> alternatives_of(const json& when) {
  std::vector<json> out;
  for (const auto& all : when) {
    json args = json::array();
    for (const auto& t : all) {
      auto arg = t.at("arg").get<unsigned>();
      auto op = t.at("op").get<std::string>();
      if (op == "eq")
        args.push_back(test(arg, "SCMP_CMP_EQ", t.at("value").get<std::uint64_t>()));
      else if (op == "gt")
        args.push_back(test(arg, "SCMP_CMP_GT", t.at("value").get<std::uint64_t>()));
      else if (op == "masked")
        args.push_back(test(arg, "SCMP_CMP_MASKED_EQ", t.at("mask").get<std::uint64_t>(),
                            t.at("value").get<std::uint64_t>()));
      else if (op == "not" && all.size() == 1)
        return none_of_32(arg, t.at("values").get<std::set<std::uint32_t>>());
      else
        std::abort();  // our own data; a test reads all of it
    }
    out.push_back(std::move(args));
  }
  return out;
}

// The data is ours and stands in the binary: where it does not parse, the build is broken, not the input.
std::vector<Group> load() {
  std::vector<Group> out;
  for (const auto& file : embedded::seccomp()) {
    json root;
    if (!read_toml(file.text, file.name, root)) std::abort();
    for (const auto& entry : root.at("group")) {
      Group group;
      group.said.name = entry.at("name").get<std::string>();
      group.said.reason = entry.at("reason").get<std::string>();
      group.said.action = entry.at("action").get<std::string>();
      group.said.syscalls = entry.at("syscalls").get<std::vector<std::string>>();
      if (group.said.action == "absent") group.error = kEnosys;
      if (entry.value("errno", "") == "EAFNOSUPPORT") group.error = kEafnosupport;
      if (entry.contains("when")) group.alternatives = alternatives_of(entry.at("when"));
      out.push_back(std::move(group));
    }
  }
  return out;
}

const std::vector<Group>& groups() {
  static const auto all = load();
  return all;
}

}  // namespace

const std::vector<SyscallGroup>& syscall_groups() {
  static const auto all = [] {
    std::vector<SyscallGroup> out;
    for (const auto& group : groups()) out.push_back(group.said);
    return out;
  }();
  return all;
}

Result<void> check_grantable(std::string_view syscall) {
  std::string_view action;
  std::vector<std::string_view> known;
  for (const auto& group : groups()) {
    for (const auto& name : group.said.syscalls) {
      if (name == syscall) action = group.said.action;
      if (group.said.action == "grantable") known.push_back(name);
    }
  }
  if (action == "grantable") return {};
  std::string all;
  for (auto name : known) all += (all.empty() ? "" : ", ") + std::string(name);
  auto what = "grants.syscalls: " + quoted(syscall);
  if (action.empty())
    return Error{
        Code::invalid,
        what + " is no system call that may be granted" + did_you_mean(syscall, known) + "; those are " + all,
        "policy", false};
  if (action == "allow")
    return Error{Code::invalid, what + " is open already; leave it out", "policy", false};
  if (action == "ptrace")
    return Error{Code::invalid, what + " is opened by grants.ptrace = true; ask for that", "policy", false};
  return Error{Code::denied, what + " stays closed for every sandbox; only these may be granted: " + all,
               "policy", false};
}

Result<std::string> seccomp_profile(const std::vector<Grant>& grants) {
  bool ptrace = false;
  std::set<std::string> granted;
  for (const auto& grant : grants) {
    if (std::holds_alternative<GrantPtrace>(grant)) ptrace = true;
    if (const auto* calls = std::get_if<GrantSyscalls>(&grant))
      for (const auto& name : calls->names) {
        BRIG_CHECK(check_grantable(name));
        granted.insert(name);
      }
  }

  json rules = json::array();
  auto add = [&](const std::vector<std::string>& names, bool allow, int error, const json& args) {
    if (names.empty()) return;
    json rule{{"names", names}, {"action", allow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO"}, {"args", args}};
    if (!allow) rule["errnoRet"] = error;
    rules.push_back(std::move(rule));
  };
  // One rule for all that is open without condition: the engine hands it to the filter in one piece.
  std::vector<std::string> open;
  std::map<int, std::vector<std::string>> closed;
  for (const auto& group : groups()) {
    const auto& action = group.said.action;
    if (!group.alternatives.empty()) {
      for (const auto& args : group.alternatives)
        add(group.said.syscalls, action == "allow", group.error, args);
      continue;
    }
    for (const auto& name : group.said.syscalls) {
      bool allow = action == "allow" || (action == "ptrace" && ptrace) ||
                   (action == "grantable" && granted.contains(name));
      if (allow)
        open.push_back(name);
      else
        closed[group.error].push_back(name);
    }
  }
  add(open, true, 0, json::array());
  for (const auto& [error, names] : closed) add(names, false, error, json::array());

  // archMap and not a list of architectures: the engine takes the line of its own machine, and no compat ABI.
  json profile{{"defaultAction", "SCMP_ACT_ERRNO"},
               {"defaultErrnoRet", kEnosys},
               {"archMap",
                json::array({{{"architecture", "SCMP_ARCH_X86_64"}, {"subArchitectures", json::array()}},
                             {{"architecture", "SCMP_ARCH_AARCH64"}, {"subArchitectures", json::array()}}})},
               {"syscalls", std::move(rules)}};
  return profile.dump();
}

}  // namespace brig::policy
