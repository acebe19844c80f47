// Inside the API: what a Stream is made of, for the two files that hand it to Asio and Beast.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>

#include "api/http/stream.hpp"

namespace brig::api {

struct Stream::Impl {
  using Socket = boost::asio::generic::stream_protocol::socket;

  explicit Impl(const boost::asio::any_io_executor& executor) : socket(executor) {}

  // Runs `plain(socket)` or `secure(tls stream)`.
  template <class F>
  auto visit(F&& use) {
    if (tls) return use(*tls);
    return use(socket);
  }

  bool cancelled = false;
  Socket socket;
  std::unique_ptr<boost::asio::ssl::stream<Socket&>> tls;
};

}  // namespace brig::api
