// A connection to an engine that has stopped being HTTP: bytes both ways, one way at a time closable.
//
// Both directions wait for readiness and then try, so a cancelled read or write has taken nothing.
//
// Threads: the loop's; one reader, one writer. Failure: as Result; after an error the connection is of no
// use.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <span>

#include "docker/endpoint.hpp"
#include "net/task.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace brig::docker {

class RawSocket {
 public:
  static net::Task<Result<std::unique_ptr<RawSocket>>> connect(Endpoint endpoint);
  ~RawSocket();

  // 0 is the end.
  net::Task<Result<std::size_t>> read(std::span<std::byte> into);
  net::Task<Result<void>> write(std::span<const std::byte> bytes);
  // No more will be written; the other direction goes on.
  net::Task<Result<void>> close_write();

 private:
  explicit RawSocket(Endpoint endpoint, boost::asio::any_io_executor executor)
      : endpoint_(std::move(endpoint)), descriptor_(std::move(executor)) {}
  net::Task<Result<void>> open();
  net::Task<Result<void>> handshake();
  Error broken(std::string_view detail, int os_error = 0) const;
  // Awaits what OpenSSL asks for after `result`; false if it is no such thing.
  net::Task<bool> wait_for_ssl(int result);

  Endpoint endpoint_;
  boost::asio::posix::stream_descriptor descriptor_;
  ssl_ctx_st* context_ = nullptr;
  ssl_st* ssl_ = nullptr;
};

}  // namespace brig::docker
