// A single completion: the answer as one document when it is whole, or as lines while it comes.
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/handlers/output_lines.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

struct Collected {
  std::string out;
  std::string errors;
};

net::Task<Result<void>> write_document(NextEvent next, Sink* sink) {
  Collected collected;
  while (true) {
    BRIG_CO_TRY(auto event, co_await next());
    if (!event) co_return Error{Code::internal, "the answer has no end", "api: one-shot", false};
    if (const auto* output = std::get_if<session::Output>(&*event)) {
      auto& text = output->stream == session::Output::Stream::out ? collected.out : collected.errors;
      text.append(reinterpret_cast<const char*>(output->bytes.data()), output->bytes.size());
    }
    const auto* end = std::get_if<session::Ended>(&*event);
    if (!end) continue;
    auto text =
        dumped({{"text", collected.out}, {"stderr", collected.errors}, {"outcome", encode(end->outcome)}});
    co_return co_await sink->write(std::as_bytes(std::span(text)));
  }
}

}  // namespace

net::Task<Response> ask_one_shot(Context* context, Request* request) {
  const auto* format = request->parameter("format");
  bool lines = format && *format == "ndjson";
  if (format && !lines && *format != "json") {
    Error error{Code::invalid, "format must be json or ndjson, not " + brig::quoted(*format), "query", false};
    co_return problem(Failure{error, 0, "format", {}}, request->id);
  }
  auto body = std::make_unique<Body>(request->body);
  auto spec = decode_ask(*body);
  if (body->failure()) co_return problem(*body->failure(), request->id);
  body.reset();
  wipe(request->body);
  auto asked = co_await context->services.one_shots.ask(*request->caller, std::move(spec));
  if (!asked) co_return refused_start(context, request, asked.error());
  std::shared_ptr<session::Answer> answer = std::move(*asked);
  NextEvent next = [answer] { return answer->next(); };
  Response out;
  out.type = lines ? "application/x-ndjson" : "application/json";
  out.stream = [next, lines, id = request->id](Sink* sink) {
    return lines ? write_output(next, true, id, sink) : write_document(next, sink);
  };
  co_return out;
}

}  // namespace brig::api
