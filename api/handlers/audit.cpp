// The audit of a mesh: looked at, verified, taken away. For those who may manage its permissions.
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxOffset = 100'000;
constexpr std::uint64_t kMaxLimit = 1'000;
constexpr std::size_t kPage = 500;

json encode(const audit::Entry& entry) {
  auto payload = json::parse(entry.payload, nullptr, false);
  // As text, where somebody has made something else of it.
  if (payload.is_discarded()) payload = printable(entry.payload, audit::Log::kMaxPayload);
  return {{"id", entry.id},
          {"mesh", entry.mesh},
          {"event", entry.event},
          {"actor", entry.actor},
          {"payload", std::move(payload)},
          {"prev_hash", entry.prev_hash},
          {"hash", entry.hash},
          {"created_at", format_time(entry.created)}};
}

Result<void> may_look(const Context& context, const Request& request) {
  return context.services.permissions.require(*request.caller, request.path.at("mesh"),
                                              service::Permission::permissions);
}

net::Task<Result<void>> write_all(audit::Log* log, std::string mesh, Sink* sink) {
  std::uint64_t last = 0;
  while (true) {
    BRIG_CO_TRY(auto entries, co_await log->after(mesh, last, kPage));
    if (entries.empty()) co_return Result<void>();
    std::string text;
    for (const auto& entry : entries) text += dumped(encode(entry)) + "\n";
    last = entries.back().id;
    BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(text))));
  }
}

}  // namespace

net::Task<Response> list_audit(Context* context, Request* request) {
  if (auto may = may_look(*context, *request); !may) co_return problem(may.error(), request->id);
  std::optional<Failure> failure;
  audit::Log::Query query;
  query.limit = query_number(*request, "limit", 1, kMaxLimit, failure).value_or(query.limit);
  query.offset = query_number(*request, "offset", 0, kMaxOffset, failure).value_or(0);
  if (const auto* event = request->parameter("event")) query.event = *event;
  if (failure) co_return problem(*failure, request->id);
  auto found = co_await context->services.audit.query(request->path["mesh"], std::move(query));
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& entry : *found) out.push_back(encode(entry));
  co_return json_response(200, {{"entries", std::move(out)}});
}

net::Task<Response> verify_audit(Context* context, Request* request) {
  if (auto may = may_look(*context, *request); !may) co_return problem(may.error(), request->id);
  auto verdict = co_await context->services.audit.verify(request->path["mesh"]);
  if (!verdict) co_return problem(verdict.error(), request->id);
  json out{{"valid", verdict->valid},
           {"entries", verdict->entries},
           {"first", verdict->first},
           {"hash", verdict->hash}};
  if (verdict->broken_at) out["broken_at"] = *verdict->broken_at;
  co_return json_response(200, out);
}

net::Task<Response> export_audit(Context* context, Request* request) {
  if (auto may = may_look(*context, *request); !may) co_return problem(may.error(), request->id);
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [log = &context->services.audit, mesh = request->path["mesh"]](Sink* sink) {
    return write_all(log, mesh, sink);
  };
  co_return out;
}

}  // namespace brig::api
