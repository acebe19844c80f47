#include <algorithm>

#include "api/attach/pump.hpp"
#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"

namespace brig::api {
namespace {

struct Attaching {
  std::unique_ptr<session::Attachment> attachment;
  bool takes_part = false;
  Limits limits;
  std::string request_id;
  metrics::Gauge* open = nullptr;
};

// By which a client that comes back finds the pen it had.
std::string query_key(const Request& request, std::optional<Failure>& failure) {
  const auto* key = request.parameter("key");
  if (!key) return {};
  bool good = key->size() >= 8 && key->size() <= 64 &&
              std::all_of(key->begin(), key->end(), [](unsigned char c) { return std::isalnum(c); });
  if (good) return *key;
  failure = Failure{
      Error{Code::invalid, "key must be 8 to 64 letters and digits that the client made up", "query", false},
      0,
      "key",
      {}};
  return {};
}

net::Task<void> converse(std::shared_ptr<Attaching> a, WebSocket* socket, Conversation* conversation) {
  struct Counted {
    metrics::Gauge& gauge;
    explicit Counted(metrics::Gauge& g) : gauge(g) { gauge.add(1); }
    ~Counted() { gauge.add(-1); }
  } counted(*a->open);
  attach::Pump pump(co_await boost::asio::this_coro::executor, *socket, std::move(a->attachment),
                    a->takes_part, a->limits, a->request_id);
  co_await pump.run(conversation);
}

}  // namespace

net::Task<Response> attach_process(Context* context, Request* request) {
  auto failure = check_upgrade(request->head, attach::kProtocol);
  session::AttachSpec spec;
  if (!failure) spec.process = path_number(*request, failure);
  if (!failure) query_from(*request, spec, failure);
  if (!failure) spec.write = query_flag(*request, "write", failure);
  if (!failure) spec.pace = query_flag(*request, "pace", failure);
  if (!failure) spec.watch = query_flag(*request, "watch", failure);
  if (!failure) spec.take_over = query_flag(*request, "take_over", failure);
  if (!failure) spec.key = query_key(*request, failure);
  if (!failure && (spec.write || spec.watch || spec.pace) && !allows(Access::user, request->caller))
    failure =
        Failure{Error{Code::denied, "a viewer may look on, but neither write, watch to take over, nor pace",
                      "api: attach", false},
                0,
                {},
                {}};
  if (failure) co_return problem(*failure, request->id);

  auto attachment = co_await context->services.sessions.attach(*request->caller, request->path["ref"], spec);
  if (!attachment) co_return problem(attachment.error(), request->id);
  auto a = std::make_shared<Attaching>();
  a->attachment = std::move(*attachment);
  a->takes_part = spec.write || spec.watch;
  a->limits = context->limits;
  a->request_id = request->id;
  a->open = &context->services.metrics.gauge("brig_attachments", "WebSockets attached to processes");
  Response out;
  out.protocol = std::string(attach::kProtocol);
  out.upgrade = [a](WebSocket* socket, Conversation* conversation) {
    return converse(a, socket, conversation);
  };
  co_return out;
}

}  // namespace brig::api
