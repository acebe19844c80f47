#include "docker/transport.hpp"

#include <charconv>

#include "core/log.hpp"
#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/json.hpp"
#include "net/event.hpp"

namespace brig::docker {
namespace {

http::Options options_for(const Endpoint& endpoint) {
  http::Options out;
  out.unix_socket = endpoint.socket;
  if (endpoint.tls) {
    out.tls.ca = endpoint.tls->ca;
    out.tls.cert = endpoint.tls->cert;
    out.tls.key = endpoint.tls->key;
    out.tls.verify = endpoint.tls->verify;
  }
  out.explain = [endpoint](const http::Failure& failure) { return unreachable(failure, endpoint); };
  return out;
}

std::string base_of(const Endpoint& endpoint) {
  if (endpoint.is_unix()) return "http://docker";
  return (endpoint.tls ? "https://" : "http://") + endpoint.str().substr(6);
}

std::optional<ApiVersion> parse_version(std::string_view text) {
  ApiVersion out;
  const char* end = text.data() + text.size();
  auto [dot, ec] = std::from_chars(text.data(), end, out.major);
  if (ec != std::errc() || dot == end || *dot != '.') return std::nullopt;
  auto [stop, ec2] = std::from_chars(dot + 1, end, out.minor);
  if (ec2 != std::errc() || stop != end) return std::nullopt;
  return out;
}

// Reads from the source into the transfer; never returns, so that the receiving side decides when it is over.
net::Task<void> pump(http::Transfer& transfer, Source& source, net::Event& never) {
  std::vector<std::byte> buffer(128 * 1024);
  while (true) {
    auto got = co_await source.read(buffer);
    if (!got) {
      transfer.fail(std::move(got).error());
      break;
    }
    if (*got == 0) {
      transfer.finish();
      break;
    }
    co_await transfer.write(std::span(buffer).first(*got));
  }
  while (true) co_await never.wait();
}

}  // namespace

Transport::Transport(Endpoint endpoint, boost::asio::any_io_executor executor)
    : endpoint_(std::move(endpoint)),
      executor_(std::move(executor)),
      base_(base_of(endpoint_)),
      client_(executor_, options_for(endpoint_)) {}

std::string Transport::versioned(std::string_view path) const {
  return "/v" + spoken_.value_or(kOldestApi).str() + std::string(path);
}

http::Request Transport::request_of(Call& call) const {
  http::Request out;
  out.method = call.method;
  out.url = base_ + (call.unversioned ? call.path : versioned(call.path));
  out.headers = std::move(call.headers);
  if (*call.content_type != '\0') out.headers.push_back(std::string("Content-Type: ") + call.content_type);
  out.body = std::move(call.body);
  out.deadline = call.deadline;
  out.small = call.small;
  return out;
}

void Transport::note(const Error& error) {
  bool version_refused =
      error.code == Code::invalid && error.message.find("client version") != std::string::npos;
  if (error.code == Code::unavailable || version_refused) spoken_.reset();
}

net::Task<Result<http::Reply>> Transport::call(Call call) {
  if (!spoken_ && !call.unversioned) {
    auto agreed = co_await agree(call.deadline);
    if (!agreed) co_return std::move(agreed).error();
  }
  http::Request request = request_of(call);
  auto reply = co_await client_.fetch(std::move(request), call.limit);
  if (!reply) {
    note(reply.error());
    co_return std::move(reply).error();
  }
  if (reply->status >= 200 && reply->status < 300) co_return std::move(reply);
  if (reply->status == 304) co_return std::move(reply);
  Error error = refusal(reply->status, reply->body, call.what);
  note(error);
  co_return error;
}

net::Task<std::string> drain(http::Transfer& transfer) {
  std::string all, piece;
  Deadline deadline = Deadline::in(Millis(5000));
  while (all.size() < 64 * 1024) {
    auto more = co_await transfer.read(piece, deadline);
    if (!more || !*more) break;
    all += piece;
  }
  co_return all;
}

net::Task<Result<Transfer>> Transport::open(Call call, Deadline head) {
  if (!spoken_ && !call.unversioned) {
    auto agreed = co_await agree(head);
    if (!agreed) co_return std::move(agreed).error();
  }
  http::Request request = request_of(call);
  Transfer transfer = client_.start(std::move(request));
  auto ready = co_await transfer->head(head);
  if (!ready) {
    note(ready.error());
    co_return std::move(ready).error();
  }
  if (transfer->status() < 200 || transfer->status() >= 300) {
    std::string body = co_await drain(*transfer);
    Error error = refusal(transfer->status(), body, call.what);
    note(error);
    co_return error;
  }
  co_return std::move(transfer);
}

net::Task<Result<void>> Transport::receive(http::Transfer& transfer, std::string what, Sink& sink) {
  auto ready = co_await transfer.head();
  if (!ready) {
    note(ready.error());
    co_return std::move(ready).error();
  }
  if (transfer.status() < 200 || transfer.status() >= 300) {
    std::string body = co_await drain(transfer);
    co_return refusal(transfer.status(), body, what);
  }
  std::string piece;
  while (true) {
    auto more = co_await transfer.read(piece);
    if (!more) co_return std::move(more).error();
    if (!*more) co_return Result<void>{};
    auto written = co_await sink.write(std::as_bytes(std::span(piece)));
    if (!written) co_return std::move(written).error();
  }
}

net::Task<Result<void>> Transport::upload(Call call, Source& source, Sink& sink) {
  using namespace net::asio::experimental::awaitable_operators;
  auto agreed = co_await agree(call.deadline);
  if (!agreed) co_return std::move(agreed).error();
  http::Request request = request_of(call);
  request.upload = true;
  Transfer transfer = client_.start(std::move(request));
  net::Event never(executor_);
  // When the answer is complete, the pump is cancelled and joined, so it never outlives the source.
  auto first = co_await (receive(*transfer, call.what, sink) || pump(*transfer, source, never));
  if (first.index() != 0) co_return nonsense("the upload ended by itself", call.what);
  co_return std::get<0>(std::move(first));
}

net::Task<Result<EngineVersion>> Transport::ask_version(Deadline deadline) {
  Call ask{.method = "GET", .path = "/version", .what = "tell its version", .deadline = deadline};
  ask.unversioned = true;
  auto reply = co_await call(std::move(ask));
  if (!reply) co_return std::move(reply).error();
  auto json = parse(reply->body, "version");
  if (!json) co_return std::move(json).error();

  EngineVersion out;
  out.version = printable(text_at(*json, "Version"), 64);
  out.os = printable(text_at(*json, "Os"), 64);
  out.architecture = printable(text_at(*json, "Arch"), 64);
  out.kernel = printable(text_at(*json, "KernelVersion"), 128);
  auto newest = parse_version(text_at(*json, "ApiVersion"));
  if (!newest) co_return nonsense("it names no API version", "version");
  auto oldest = parse_version(text_at(*json, "MinAPIVersion"));
  out.api = *newest;
  out.min_api = oldest.value_or(ApiVersion{1, 12});
  out.spoken = std::min(out.api, kNewestApi);
  if (out.spoken < kOldestApi) {
    co_return Error{Code::unsupported,
                    "the Docker engine " + out.version + " speaks API " + out.api.str() + ", but " +
                        kOldestApi.str() + " is needed; upgrade it to Docker 20.10 or newer",
                    "docker: version", false};
  }
  if (out.spoken < out.min_api) {
    co_return Error{Code::unsupported,
                    "the Docker engine " + out.version + " speaks nothing older than API " +
                        out.min_api.str() + ", but " + kNewestApi.str() +
                        " is the newest known here; upgrade Brig",
                    "docker: version", false};
  }
  co_return out;
}

net::Task<Result<ApiVersion>> Transport::agree(Deadline deadline) {
  if (spoken_) co_return *spoken_;
  auto version = co_await ask_version(deadline);
  if (!version) co_return std::move(version).error();
  spoken_ = version->spoken;
  log::debug("agreed with the Docker engine", {{"engine", version->version}, {"api", version->spoken.str()}});
  co_return version->spoken;
}

}  // namespace brig::docker
