#include "policy/request.hpp"

#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "policy/fields.hpp"
#include "policy/grants.hpp"
#include "policy/limits.hpp"

namespace brig::policy {

using nlohmann::json;

Request read_fields(Reader& top) {
  Request out;
  if (auto word = top.text("runtime")) {
    out.runtime = runtime_from(*word);
    if (!out.runtime) {
      static constexpr std::string_view kKnown[] = {"runc", "crun", "runsc"};
      top.fail("runtime", "runtime " + quoted(*word) + " is unknown" + did_you_mean(*word, kKnown) +
                              "; known are runc, crun and runsc");
    }
  }
  auto workspace = top.table("workspace");
  if (auto word = workspace.text("mode")) {
    out.workspace = workspace_from(*word);
    if (!out.workspace) {
      static constexpr std::string_view kKnown[] = {"overlay", "readonly"};
      workspace.fail("mode", "workspace.mode " + quoted(*word) + " is unknown" + did_you_mean(*word, kKnown) +
                                 "; known are overlay and readonly");
    }
  }
  workspace.finish();
  auto limits = top.table("limits");
  out.limits = read_limits(limits);
  out.grants = read_grants(top.table("grants"));
  out.egress = read_egress(top.table("egress"));
  return out;
}

Result<Request> parse_request(const json& object) {
  Source source("", nullptr);
  Reader top(source, &object, "", "a policy request");
  auto out = read_fields(top);
  top.finish();
  BRIG_CHECK(source.result());
  return out;
}

json to_json(const Request& request) {
  json out = json::object();
  if (request.runtime) out["runtime"] = to_string(*request.runtime);
  if (request.workspace) out["workspace"]["mode"] = to_string(*request.workspace);
  for (const auto& info : limit_table())
    if (const auto& value = request.limits.*info.asked)
      out["limits"][std::string(info.key)] = limit_to_json(info, *value);
  struct Visitor {
    json& grants;
    void operator()(const GrantProjectWrite&) const { grants["project_write"] = true; }
    void operator()(const GrantPtrace&) const { grants["ptrace"] = true; }
    void operator()(const GrantSyscalls& s) const { grants["syscalls"] = s.names; }
    void operator()(const GrantMount& m) const {
      grants["mount"].push_back({{"source", m.source}, {"target", m.target}, {"writable", m.writable}});
    }
  };
  for (const auto& grant : canonical(request.grants)) std::visit(Visitor{out["grants"]}, grant);
  if (!request.egress.empty()) out["egress"] = to_json(request.egress);
  return out;
}

}  // namespace brig::policy
