// One connection's bytes: a unix or TCP socket, with or without TLS. Every read and write has a limit.
//
// Ownership: owns the socket; pending operations keep it alive. Threads: the loop's; one reader and one
// writer at a time. Failure: as Result: `timeout` when the limit passed, `unavailable` when the other end is
// gone.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <memory>
#include <span>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "net/task.hpp"

namespace brig::api {

class TlsContext;

class Stream {
 public:
  struct Impl;

  // `tls` is null for plain bytes; it must outlive the stream.
  Stream(const boost::asio::any_io_executor& executor, UniqueFd fd, int family, TlsContext* tls);
  Stream(Stream&&) = default;
  ~Stream();

  bool is_tls() const;
  net::Task<Result<void>> handshake(Millis limit);
  // 0 at the end.
  net::Task<Result<std::size_t>> read_some(std::span<char> into, Millis limit);
  // Everything; the limit is for each stretch without progress. What the buffers point to stays valid
  // meanwhile.
  net::Task<Result<void>> write(std::span<const boost::asio::const_buffer> buffers, Millis limit);
  // No more will be written; then waits, within bounds, until the other end has had all of it.
  net::Task<void> linger(Millis limit);

  // Returns when the other end has gone, or says that it will say no more; without a limit.
  net::Task<void> until_gone();

  void cancel();  // wakes whoever reads or writes, with an error
  int fd() const;
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace brig::api
