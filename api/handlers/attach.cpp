#include "api/attach/pump.hpp"
#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"

namespace brig::api {
namespace {

struct Attaching {
  std::unique_ptr<session::Attachment> attachment;
  bool may_write = false;
  Limits limits;
  std::string request_id;
  metrics::Gauge* open = nullptr;
};

net::Task<void> converse(std::shared_ptr<Attaching> a, WebSocket* socket, Conversation* conversation) {
  struct Counted {
    metrics::Gauge& gauge;
    explicit Counted(metrics::Gauge& g) : gauge(g) { gauge.add(1); }
    ~Counted() { gauge.add(-1); }
  } counted(*a->open);
  attach::Pump pump(co_await boost::asio::this_coro::executor, *socket, std::move(a->attachment),
                    a->may_write, a->limits, a->request_id);
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
  if (!failure && (spec.write || spec.pace) && !allows(Access::user, request->caller))
    failure =
        Failure{Error{Code::denied, "a viewer may watch, but neither write nor pace", "api: attach", false},
                0,
                {},
                {}};
  if (failure) co_return problem(*failure, request->id);

  auto attachment = co_await context->services.sessions.attach(*request->caller, request->path["ref"], spec);
  if (!attachment) co_return problem(attachment.error(), request->id);
  auto a = std::make_shared<Attaching>();
  a->attachment = std::move(*attachment);
  a->may_write = spec.write;
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
