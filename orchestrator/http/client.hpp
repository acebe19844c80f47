// An HTTP/1.1 client on the loop, for one kind of peer: an engine on a unix socket, a registry behind TLS.
//
//   http::Client client(executor, options);
//   Result<Reply> reply = co_await client.fetch({.url = "http://engine/_ping", .deadline = …}, 64_KiB);
//
// Connections are kept and reused. No redirects, no cookies, no proxy of the environment's, no decompression.
//
// Ownership: transfers must go before their client. A call that is cancelled takes its request with it.
// Threads: the loop's. Failure: what went wrong on the wire is a Failure, which the client's `explain` turns
// into an Error; a status of 400 and more is not an error here.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/transfer.hpp"

namespace brig::http {

class CurlMulti;

struct Options {
  std::string unix_socket;  // instead of the host in the URL
  struct Tls {
    std::string ca;  // PEM files; empty: the system's
    std::string cert;
    std::string key;
    bool verify = true;
  };
  Tls tls;
  long idle_connections = 4;
  Millis connect_timeout{10'000};
  std::function<Error(const Failure&)> explain;  // none: a plain sentence
};

struct Reply {
  int status = 0;
  Headers headers;
  std::string body;
};

class Client {
 public:
  Client(boost::asio::any_io_executor executor, Options options);
  ~Client();

  // The whole answer; `too_large` if its body is longer than `limit`.
  net::Task<Result<Reply>> fetch(Request request, std::size_t limit);
  // Sends the request; what comes is read from the transfer.
  std::unique_ptr<Transfer> start(Request request);

 private:
  boost::asio::any_io_executor executor_;
  Options options_;
  std::unique_ptr<CurlMulti> multi_;
};

// What becomes of a Failure when nobody explains it better.
Error plain_error(const Failure& failure);

}  // namespace brig::http
