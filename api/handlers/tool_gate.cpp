// The gate before a service's tools: which pass, which wait and why, what is approved.
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/encode.hpp"
#include "api/json/reader.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxApprovals = 2'000;

json encode(const service::ToolReport& report) {
  json out{{"pinning", to_string(report.pinning)},
           {"allow", report.lists.allow},
           {"deny", report.lists.deny},
           {"tools", json::array()}};
  for (const auto& tool : report.tools) {
    json entry{{"name", tool.name}, {"standing", to_string(tool.standing)}};
    if (!tool.fingerprint.empty()) entry["fingerprint"] = tool.fingerprint;
    for (const auto& change : tool.changes) {
      json one{{"member", change.member}};
      for (const auto& [key, text] : {std::pair{"before", &change.before}, {"after", &change.after}}) {
        if (text->empty()) continue;
        auto value = json::parse(*text, nullptr, false);
        one[key] = value.is_discarded() ? json(*text) : std::move(value);
      }
      entry["changes"].push_back(std::move(one));
    }
    out["tools"].push_back(std::move(entry));
  }
  return out;
}

Response shown(const Result<service::ToolReport>& report, const Request* request) {
  return report ? json_response(200, encode(*report)) : problem(report.error(), request->id);
}

std::vector<service::Approval> decode_approvals(Body& body) {
  std::vector<service::Approval> out;
  auto top = body.object();
  for (auto& entry : top.objects("tools", kMaxApprovals)) {
    service::Approval one;
    one.tool = entry.text("name", {.required = true, .max = 4096}).value_or("");
    one.fingerprint = entry.text("fingerprint", {.required = true, .max = 64}).value_or("");
    entry.finish();
    out.push_back(std::move(one));
  }
  if (top.present() && out.empty()) top.fail("tools", "tools is missing; name those that may pass");
  top.finish();
  return out;
}

}  // namespace

net::Task<Response> get_tool_gate(Context* context, Request* request) {
  auto report = co_await context->services.deployed.tool_report(*request->caller, request->path["mesh"],
                                                                request->path["name"]);
  co_return shown(report, request);
}

net::Task<Response> put_tool_gate(Context* context, Request* request) {
  Body body(request->body);
  auto top = body.object();
  service::ToolLists lists{top.texts("allow", service::kMaxToolPatterns),
                           top.texts("deny", service::kMaxToolPatterns)};
  top.finish();
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto report = co_await context->services.deployed.set_tool_lists(*request->caller, request->path["mesh"],
                                                                   request->path["name"], std::move(lists));
  co_return shown(report, request);
}

net::Task<Response> approve_tools(Context* context, Request* request) {
  Body body(request->body);
  auto approvals = decode_approvals(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto report = co_await context->services.deployed.approve_tools(
      *request->caller, request->path["mesh"], request->path["name"], std::move(approvals));
  co_return shown(report, request);
}

}  // namespace brig::api
