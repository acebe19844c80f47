// A socket that a sandbox connects to: bound in a directory whose path may be longer than a socket address,
// and put in place of a stale one in a single step.
//
// Ownership: owns the socket and its file, which goes with it. Threads: the loop's.
// Failure: Error naming the directory.
#pragma once

#include <sys/stat.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <optional>

#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "net/task.hpp"

namespace brig::supervisor {

class Listener {
 public:
  // `name` is the socket's file in its directory.
  Listener(net::asio::any_io_executor executor, const char* name)
      : acceptor_(std::move(executor)), name_(name) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  // `owner`: who besides root may connect.
  Result<void> open(const std::filesystem::path& directory, std::optional<uid_t> owner);
  void close();
  net::asio::local::stream_protocol::acceptor& acceptor() { return acceptor_; }

 private:
  net::asio::local::stream_protocol::acceptor acceptor_;
  const char* name_;
  UniqueFd directory_;
  struct stat file_ {};
};

}  // namespace brig::supervisor
