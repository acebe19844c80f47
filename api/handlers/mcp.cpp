// MCP's Streamable HTTP, the face of the gateway: a mesh as one server, or one of its services.
#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "core/text.hpp"
#include "mcp/message.hpp"

namespace brig::api {
namespace {

using mcp::Gateway;

// An answer that is there by then comes as plain JSON, and the connection stays.
constexpr Millis kPlainWithin{250};

std::string header(const Request& request, std::string_view name) {
  const auto* value = request.head.find(name);
  return value ? *value : std::string();
}

Gateway::Credentials credentials_of(const Request& request) {
  Gateway::Credentials out;
  // To an agent a server's question is never put that is for who started it, nor the other way round.
  out.agent = request.caller->agent.has_value();
  out.owner = out.agent ? request.caller->credential : request.caller->owner;
  out.credential = request.caller->credential;
  out.place.mesh = request.path.at("mesh");
  if (auto name = request.path.find("name"); name != request.path.end()) out.place.service = name->second;
  out.session = header(request, "Mcp-Session-Id");
  out.version = header(request, "MCP-Protocol-Version");
  return out;
}

// The protocol has refusals as JSON-RPC errors that answer no id.
Response refusal(const Gateway::Refusal& why) {
  Response out;
  out.status = why.status;
  auto code = why.status == 400 ? mcp::kInvalidRequest : mcp::kServerError;
  out.body = mcp::write_answer("null", mcp::Answer::error(code, why.message));
  return out;
}

bool accepts(const Request& request, std::string_view type) {
  for (const auto& field : request.head.headers) {
    if (!same_name(field.name, "Accept")) continue;
    for (auto range : split(field.value, ',')) {
      range = range.substr(0, range.find(';'));
      while (range.starts_with(' ')) range.remove_prefix(1);
      while (range.ends_with(' ')) range.remove_suffix(1);
      if (range == "*/*" || same_name(range, type)) return true;
      if (range.ends_with("/*") && type.starts_with(range.substr(0, range.size() - 1))) return true;
    }
  }
  return false;
}

net::Task<Result<void>> write_text(Sink* sink, std::string text) {
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

net::Task<Result<void>> write_stream(std::shared_ptr<Gateway::Streamed> streamed, Millis keepalive,
                                     Sink* sink) {
  if (streamed->opening) {
    BRIG_CO_CHECK(co_await write_text(sink, streamed->reader.opening()));
  }
  while (true) {
    auto deadline = Deadline::in(keepalive);
    auto event = co_await streamed->reader.next(deadline);
    if (!event) co_return Result<void>();
    if (event->empty()) *event = ":\n\n";  // a comment, which shows whether anybody is there
    BRIG_CO_CHECK(co_await write_text(sink, std::move(*event)));
  }
}

Response event_stream(std::shared_ptr<Gateway::Streamed> streamed, Millis keepalive) {
  Response out;
  out.type = "text/event-stream";
  out.stream = [streamed, keepalive](Sink* sink) { return write_stream(streamed, keepalive, sink); };
  return out;
}

}  // namespace

net::Task<Response> post_mcp(Context* context, Request* request) {
  if (!accepts(*request, "application/json") || !accepts(*request, "text/event-stream")) {
    Gateway::Refusal why{406, "send Accept: application/json, text/event-stream; either may be the answer"};
    co_return refusal(why);
  }
  auto from = credentials_of(*request);
  Gateway::Open open = [context, caller = *request->caller, mesh = from.place.mesh] {
    return context->services.deployed.backends(caller, mesh);
  };
  auto outcome =
      co_await context->services.gateway.post(std::move(from), std::move(request->body), std::move(open));
  if (auto* why = std::get_if<Gateway::Refusal>(&outcome)) co_return refusal(*why);
  Response out;
  if (std::holds_alternative<Gateway::Accepted>(outcome)) {
    out.status = 202;
    co_return out;
  }
  if (auto* reply = std::get_if<Gateway::Reply>(&outcome)) {
    out.body = std::move(reply->message);
    if (!reply->session.empty()) out.headers.push_back({"Mcp-Session-Id", reply->session});
    co_return out;
  }
  auto streamed = std::make_shared<Gateway::Streamed>(std::get<Gateway::Streamed>(std::move(outcome)));
  auto deadline = Deadline::in(kPlainWithin);
  if (auto only = co_await streamed->reader.only(deadline)) {
    out.body = std::move(*only);
    co_return out;
  }
  co_return event_stream(std::move(streamed), context->limits.ping_interval);
}

net::Task<Response> listen_mcp(Context* context, Request* request) {
  if (!accepts(*request, "text/event-stream")) {
    Gateway::Refusal why{406, "send Accept: text/event-stream"};
    co_return refusal(why);
  }
  auto from = credentials_of(*request);
  auto outcome = context->services.gateway.listen(from, header(*request, "Last-Event-ID"));
  if (auto* why = std::get_if<Gateway::Refusal>(&outcome)) co_return refusal(*why);
  auto streamed = std::make_shared<Gateway::Streamed>(std::get<Gateway::Streamed>(std::move(outcome)));
  co_return event_stream(std::move(streamed), context->limits.ping_interval);
}

net::Task<Response> end_mcp(Context* context, Request* request) {
  auto from = credentials_of(*request);
  if (auto why = context->services.gateway.end(from)) co_return refusal(*why);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
