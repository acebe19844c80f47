#include "policy/egress/resolve.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "policy/explain.hpp"
#include "policy/grants.hpp"
#include "policy/host_path.hpp"
#include "policy/limits.hpp"
#include "policy/seccomp.hpp"

namespace brig::policy {
namespace {

Error denied(std::string message) {
  return {Code::denied, std::move(message), "policy", false};
}

// How well a runtime walls off: runc and crun alike, runsc has a kernel of its own.
int isolation(Runtime runtime) {
  return runtime == Runtime::runsc ? 1 : 0;
}

class Resolver {
 public:
  Resolver(const Ceiling& ceiling, const Profile& profile, const Request& request)
      : ceiling_(ceiling),
        profile_(profile),
        request_(request),
        profile_name_("profile " + quoted(profile.name)) {}

  Result<Explanation> run() {
    out_.effective.profile = profile_.name;
    BRIG_CHECK(runtime());
    BRIG_CHECK(workspace());
    for (const auto& info : limit_table()) BRIG_CHECK(limit(info));
    BRIG_CHECK(grants());
    BRIG_CHECK(resolve_egress(ceiling_, profile_, request_, out_));
    out_.hash = policy_hash(out_.effective);
    return std::move(out_);
  }

 private:
  void say(std::string field, std::string value, Rule rule, std::string detail = {}) {
    out_.fields.push_back({std::move(field), std::move(value), rule, std::move(detail)});
  }

  Result<void> runtime() {
    if (ceiling_.runtimes.empty())
      return denied("the ceiling leaves no runtime at all; the operator must name one in its 'runtimes'");
    auto allowed = [&](Runtime r) { return ceiling_.runtimes.contains(r); };
    auto refuse = [&](std::string who, Runtime r) {
      std::vector<std::string> words;
      for (auto known : ceiling_.runtimes) words.emplace_back(to_string(known));
      return denied("runtime: " + who + " asks for " + std::string(to_string(r)) +
                    ", the ceiling allows only " + join(words, ", ") +
                    "; choose one of these, or have the operator add it to 'runtimes'");
    };
    auto& value = out_.effective.runtime;
    if (request_.runtime) {
      if (!allowed(*request_.runtime)) return refuse("the request", *request_.runtime);
      if (profile_.runtime && isolation(*request_.runtime) < isolation(*profile_.runtime))
        return denied("runtime: the request asks for " + std::string(to_string(*request_.runtime)) + ", " +
                      profile_name_ + " demands " + std::string(to_string(*profile_.runtime)) +
                      "; choose another profile, or leave the runtime to it");
      value = *request_.runtime;
      say("runtime", std::string(to_string(value)), Rule::request);
    } else if (profile_.runtime) {
      // Not lowered even for a built-in profile: who names gvisor wants gVisor, or to be told.
      if (!allowed(*profile_.runtime)) return refuse(profile_name_, *profile_.runtime);
      value = *profile_.runtime;
      say("runtime", std::string(to_string(value)), Rule::profile, profile_name_);
    } else if (allowed(Runtime::runc)) {
      value = Runtime::runc;
      say("runtime", "runc", Rule::standard);
    } else {
      value = *ceiling_.runtimes.begin();
      say("runtime", std::string(to_string(value)), Rule::ceiling, "runc is not allowed");
    }
    return {};
  }

  Result<void> workspace() {
    if (ceiling_.workspaces.empty())
      return denied("the ceiling leaves no workspace mode; the operator must name one in its 'workspaces'");
    auto& value = out_.effective.workspace;
    auto rule = Rule::standard;
    value = ceiling_.workspaces.contains(Workspace::overlay) ? Workspace::overlay : Workspace::readonly;
    if (value != Workspace::overlay) rule = Rule::ceiling;
    if (profile_.workspace) {
      value = *profile_.workspace;
      rule = Rule::profile;
    }
    if (request_.workspace) {
      if (profile_.workspace == Workspace::readonly && *request_.workspace == Workspace::overlay)
        return denied("workspace.mode: the request asks for overlay, " + profile_name_ +
                      " demands readonly; choose another profile, or leave the mode to it");
      value = *request_.workspace;
      rule = Rule::request;
    }
    if (!ceiling_.workspaces.contains(value))
      return denied("workspace.mode: " + (rule == Rule::request ? "the request" : profile_name_) +
                    " asks for " + std::string(to_string(value)) + ", the ceiling allows only " +
                    std::string(to_string(*ceiling_.workspaces.begin())) +
                    "; choose that, or have the operator add it to 'workspaces'");
    say("workspace.mode", std::string(to_string(value)), rule, rule == Rule::profile ? profile_name_ : "");
    return {};
  }

  Result<void> limit(const LimitInfo& info) {
    const auto& top = ceiling_.limits.*info.asked;
    const auto& bound = profile_.limits.*info.asked;
    const auto& asked = request_.limits.*info.asked;
    auto& value = out_.effective.limits.*info.value;
    auto field = "limits." + std::string(info.key);
    auto refuse = [&](const std::string& who, std::uint64_t want, const std::string& whose,
                      std::uint64_t have, const std::string& remedy) {
      return denied(field + ": " + who + " asks for " + format_limit(info, want) + ", " + whose +
                    " allows at " + (info.is_floor ? "least " : "most ") + format_limit(info, have) + "; " +
                    remedy);
    };
    auto raise = "lower it, or have the operator raise " + field + " in the ceiling";

    // Parsers check this too, but whoever fills a struct does not pass by them.
    for (const auto& said : {asked, bound})
      if (said && (*said < info.least || *said > info.most))
        return Error{Code::invalid,
                     field + " " + format_limit(info, *said) + " must be from " +
                         format_limit(info, info.least) + " to " + format_limit(info, info.most),
                     "policy", false};
    if (asked && top && beyond(info, *asked, *top))
      return refuse("the request", *asked, "the ceiling", *top, raise);
    if (bound && top && beyond(info, *bound, *top) && !profile_.built_in)
      return refuse(profile_name_, *bound, "the ceiling", *top, raise);
    if (asked && bound && beyond(info, *asked, *bound))
      return refuse("the request", *asked, profile_name_, *bound, "lower it, or choose another profile");

    if (asked) {
      value = *asked;
      say(field, format_limit(info, value), Rule::request);
      return {};
    }
    auto wish = bound.value_or(info.standard);
    value = top ? stricter(info, wish, *top) : wish;
    // Too little is not only useless: to the engine 0 means "no limit".
    if (value < info.least || value > info.most)
      return denied(field + ": the ceiling or " + profile_name_ + " leaves " + format_limit(info, value) +
                    ", a sandbox needs from " + format_limit(info, info.least) + " to " +
                    format_limit(info, info.most) + "; have the operator correct it");
    if (value != wish)
      say(field, format_limit(info, value), Rule::ceiling,
          (bound ? profile_name_ : "the default") + " would be " + format_limit(info, wish));
    else
      say(field, format_limit(info, value), bound ? Rule::profile : Rule::standard,
          bound ? profile_name_ : "");
    return {};
  }

  Result<void> grants() {
    auto all = profile_.grants;
    all.insert(all.end(), request_.grants.begin(), request_.grants.end());
    auto profile_own = canonical(profile_.grants);
    for (auto& grant : canonical(std::move(all))) {
      bool from_profile = std::find(profile_own.begin(), profile_own.end(), grant) != profile_own.end();
      BRIG_CHECK(check_grant(grant, from_profile));
      out_.grants.push_back(
          {grant, describe(grant), std::string(risk(grant)), from_profile ? Rule::profile : Rule::request});
      out_.effective.grants.push_back(std::move(grant));
    }
    return check_targets();
  }

  Result<void> check_grant(const Grant& grant, bool from_profile) {
    if (const auto* mount = std::get_if<GrantMount>(&grant)) {
      BRIG_CHECK(check_host_path("grants.mount.source", mount->source, "", {}));
      BRIG_CHECK(check_mount_target("grants.mount.target", mount->target));
    }
    if (const auto* calls = std::get_if<GrantSyscalls>(&grant))
      for (const auto& name : calls->names) BRIG_CHECK(check_grantable(name));
    if (!allows(ceiling_, grant))
      return denied(
          "grants: " + (from_profile ? profile_name_ : std::string("the request")) + " asks for '" +
          describe(grant) +
          "', the ceiling does not allow it; do without, or have the operator allow it under [grants] in "
          "the ceiling");
    if (std::holds_alternative<GrantProjectWrite>(grant) && out_.effective.workspace == Workspace::readonly)
      return Error{Code::invalid,
                   "grants.project_write contradicts workspace.mode = readonly; ask for one of them",
                   "policy", false};
    return {};
  }

  Result<void> check_targets() {
    auto mounts = out_.effective.mounts();
    if (mounts.size() > 32)
      return Error{Code::too_large,
                   "grants.mount names " + std::to_string(mounts.size()) +
                       " mounts, at most 32 are taken; mount a common directory",
                   "policy", false};
    for (std::size_t i = 0; i < mounts.size(); ++i)
      for (std::size_t j = i + 1; j < mounts.size(); ++j)
        if (mounts[i].target == mounts[j].target)
          return Error{Code::invalid,
                       "grants.mount.target " + quoted(mounts[i].target, 200) +
                           " is named twice; give each mount a place of its own",
                       "policy", false};
    return {};
  }

  const Ceiling& ceiling_;
  const Profile& profile_;
  const Request& request_;
  std::string profile_name_;
  Explanation out_;
};

void add_fixed(Explanation& out) {
  struct Fixed {
    const char *field, *value, *why;
  };
  static constexpr Fixed kFixed[] = {
      {"user", "1000:1000", "never root inside; the project's owner is mapped to it"},
      {"capabilities", "none", "all dropped, none added"},
      {"no_new_privileges", "true", "setuid programs gain nothing"},
      {"network", "none", "one unix socket is the only way out"},
      {"root", "read-only", "what a sandbox writes goes to the workspace or to tmpfs with a size"},
      {"swap", "none", "memory is the whole of it"},
      {"devices", "none", "but null, zero, full, random, urandom, tty and ptys"},
      {"namespaces", "private", "pid, ipc, uts, cgroup, network and mounts are the sandbox's own"},
      {"core_dumps", "none", "memory may hold secrets"},
      {"image_metadata", "ignored",
       "entrypoint, user, health check, volumes and labels of an image shape nothing"},
  };
  for (const auto& f : kFixed) out.fields.push_back({f.field, f.value, Rule::always, f.why});
  auto text = std::string("allow-list of Brig");
  for (const auto& g : out.effective.grants)
    if (std::holds_alternative<GrantPtrace>(g) || std::holds_alternative<GrantSyscalls>(g)) {
      text += ", widened by grants";
      break;
    }
  bool gvisor = out.effective.runtime == Runtime::runsc;
  out.fields.push_back(
      {"seccomp", text, Rule::always,
       gvisor ? "gVisor answers the sandbox's system calls itself; the list is for what it lets through"
              : "every system call not on it is refused"});
}

}  // namespace

std::string_view to_string(Rule rule) {
  switch (rule) {
    case Rule::always:
      return "always";
    case Rule::standard:
      return "default";
    case Rule::ceiling:
      return "ceiling";
    case Rule::profile:
      return "profile";
    case Rule::request:
      return "request";
  }
  return "?";
}

Result<Effective> resolve(const Ceiling& ceiling, const Profile& profile, const Request& request) {
  BRIG_TRY(auto explanation, Resolver(ceiling, profile, request).run());
  return std::move(explanation.effective);
}

Result<Explanation> explain(const Ceiling& ceiling, const Profile& profile, const Request& request) {
  BRIG_TRY(auto explanation, Resolver(ceiling, profile, request).run());
  add_fixed(explanation);
  return explanation;
}

}  // namespace brig::policy
