#include "http/client.hpp"

#include <cstring>
#include <system_error>

#include "core/text.hpp"
#include "http/transfer_impl.hpp"

namespace brig::http {

Client::Client(boost::asio::any_io_executor executor, Options options)
    : executor_(std::move(executor)), options_(std::move(options)) {
  if (!options_.explain) options_.explain = plain_error;
  multi_ = std::make_unique<CurlMulti>(executor_, options_.idle_connections);
}

Client::~Client() = default;

std::unique_ptr<Transfer> Client::start(Request request) {
  auto impl = std::make_unique<Transfer::Impl>(executor_, *multi_, std::move(request), options_);
  impl->begin();
  return std::make_unique<Transfer>(std::move(impl));
}

net::Task<Result<Reply>> Client::fetch(Request request, std::size_t limit) {
  Transfer::Impl transfer(executor_, *multi_, std::move(request), options_);
  transfer.limit = limit;
  transfer.begin();
  while (!transfer.over) co_await transfer.changed.wait();
  if (auto error = transfer.failed()) co_return std::move(*error);
  co_return Reply{transfer.status, std::move(transfer.headers), std::move(transfer.in)};
}

Error plain_error(const Failure& failure) {
  std::string detail = printable(failure.detail);
  if (failure.os_error != 0) detail += " (" + std::generic_category().message(failure.os_error) + ")";
  switch (failure.kind) {
    case Failure::Kind::connect:
      return {Code::unavailable, "nobody answers: " + detail, "http", true};
    case Failure::Kind::resolve:
      return {Code::unavailable, "the host is not known: " + detail, "http", true};
    case Failure::Kind::tls:
      return {Code::unavailable, "no secure connection: " + detail, "http", false};
    case Failure::Kind::timeout:
      return {Code::timeout, "no complete answer came in time", "http", true};
    case Failure::Kind::closed:
      return {Code::unavailable, "the connection broke off: " + detail, "http", true};
    case Failure::Kind::nonsense:
      return {Code::protocol, "the answer is not HTTP: " + detail, "http", false};
    case Failure::Kind::too_large:
      return {Code::too_large, "the answer is too large", "http", false};
    case Failure::Kind::local:
      return {Code::internal, "the request could not be made: " + detail, "http", true};
  }
  return {Code::internal, detail, "http", false};
}

}  // namespace brig::http
