// The stream of events, as server-sent events.
#include <limits>
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/names.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMaxKind = 64;

struct Streaming {
  events::Cursor cursor;
  bool once = false;
  Millis keepalive{};
};

void refuse(std::optional<Failure>& failure, std::string field, std::string message,
            Code code = Code::invalid) {
  if (!failure) failure = Failure{Error{code, std::move(message), "query", false}, 0, std::move(field), {}};
}

// Others than admins ask within what they may see.
events::Filter read_filter(const Request& request, std::optional<Failure>& failure) {
  const auto& caller = *request.caller;
  events::Filter out;
  if (const auto* kind = request.parameter("kind")) {
    bool plain = !kind->empty() && kind->size() <= kMaxKind && is_utf8(*kind);
    if (!plain) refuse(failure, "kind", "kind must be the name of an event, such as session.ended");
    out.kind = *kind;
  }
  if (const auto* mesh = request.parameter("mesh")) {
    auto good = check_name("mesh", *mesh);
    if (!good) refuse(failure, "mesh", good.error().message);
    out.mesh = *mesh;
  }
  if (const auto* owner = request.parameter("owner")) out.owner = *owner;
  if (caller.role == session::Caller::Role::admin) return out;
  if (out.owner && *out.owner != caller.owner)
    refuse(failure, "owner", "you see your own events alone; leave owner out", Code::denied);
  if (out.mesh && !caller.mesh.empty() && *out.mesh != caller.mesh)
    refuse(failure, "mesh", "your token is for mesh " + brig::quoted(caller.mesh) + " alone", Code::denied);
  out.owner = caller.owner;
  if (!caller.mesh.empty()) out.mesh = caller.mesh;
  return out;
}

// `since`, or what a client that lost the connection says in Last-Event-ID.
std::optional<std::uint64_t> read_position(const Request& request, std::optional<Failure>& failure) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  if (request.parameter("since")) return query_number(request, "since", 0, kMost, failure);
  const auto* header = request.head.find("Last-Event-ID");
  if (!header || header->empty()) return std::nullopt;
  Request as_query;
  as_query.query = {{"Last-Event-ID", *header}};
  return query_number(as_query, "Last-Event-ID", 0, kMost, failure);
}

std::string message(std::uint64_t id, std::string_view kind, const nlohmann::json& data) {
  return "id: " + std::to_string(id) + "\nevent: " + std::string(kind) + "\ndata: " + dumped(data) + "\n\n";
}

std::string text_of(const events::Cursor::Batch& batch, std::uint64_t position) {
  std::string out;
  if (batch.missed) {
    out += message(batch.missed->to, "gap", {{"from", batch.missed->from}, {"to", batch.missed->to}});
  }
  for (const auto& record : batch.records) {
    // The kind is also in the data, so that who does not tell messages apart by name loses nothing.
    out += message(record.number, record.kind, encode(record));
  }
  // Without data it is no message, but moves the place from which a client that comes back goes on.
  return out + "id: " + std::to_string(position) + "\n\n";
}

net::Task<Result<void>> write_text(Sink* sink, std::string text) {
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

net::Task<Result<void>> write_events(std::shared_ptr<Streaming> streaming, Sink* sink) {
  auto& cursor = streaming->cursor;
  BRIG_CO_CHECK(co_await write_text(sink, "retry: 1000\nid: " + std::to_string(cursor.position()) + "\n\n"));
  while (true) {
    Result<events::Cursor::Batch> batch = Error{};
    if (streaming->once) {
      batch = co_await cursor.next();
    } else {
      batch = co_await cursor.next_until(Deadline::in(streaming->keepalive));
    }
    if (!batch) co_return batch.error();
    BRIG_CO_CHECK(co_await write_text(sink, text_of(*batch, cursor.position())));
    if (streaming->once && batch->end) co_return Result<void>();
  }
}

}  // namespace

net::Task<Response> get_events(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto filter = read_filter(*request, failure);
  auto after = read_position(*request, failure);
  bool once = query_flag(*request, "once", failure);
  if (failure) co_return problem(*failure, request->id);
  if (const auto* ref = request->parameter("session")) {
    // An id may be of a session that is gone: its events are not.
    filter.session = *ref;
    if (!is_session_id(*ref)) {
      auto found = co_await context->services.sessions.get(*request->caller, *ref);
      if (!found) co_return problem(found.error(), request->id);
      filter.session = found->id.str();
    }
  }
  if (once && !after) after = 0;
  auto cursor = co_await context->services.events.open(std::move(filter), after);
  if (!cursor) co_return problem(cursor.error(), request->id);
  auto streaming =
      std::make_shared<Streaming>(Streaming{std::move(*cursor), once, context->limits.ping_interval});
  Response out;
  out.type = "text/event-stream";
  out.stream = [streaming](Sink* sink) { return write_events(streaming, sink); };
  co_return out;
}

}  // namespace brig::api
