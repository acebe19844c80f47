// One HTTP request under way: its body going up, its answer coming down, neither faster than they are
// consumed.
//
// Ownership: the caller's; destroying a transfer ends the request. It must go before its Client.
// Threads: the loop's; one reader, one writer. Failure: as Result; after an error all calls give it again.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "http/failure.hpp"
#include "net/task.hpp"

namespace brig::http {

struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"; wiped after use
  std::string body;
  bool upload = false;                    // the body comes by write(), in chunks
  Deadline deadline = Deadline::never();  // for the whole exchange
  std::size_t window = 128 * 1024;        // bytes that may wait for a slow reader
  bool small = false;                     // expected to idle: costs little memory, streams slowly
};

class Headers {
 public:
  // The value, or "". `name` in lower case.
  std::string_view get(std::string_view name) const;
  void add(std::string_view name, std::string_view value);
  void clear() { all_.clear(); }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

class Transfer {
 public:
  struct Impl;  // public for the callbacks
  explicit Transfer(std::unique_ptr<Impl> impl);
  ~Transfer();

  // Returns when status and headers are there.
  net::Task<Result<void>> head(Deadline deadline = Deadline::never());
  int status() const;
  const Headers& headers() const;

  // Replaces `into` by what has come since, at least a byte; false at the end.
  net::Task<Result<bool>> read(std::string& into, Deadline deadline = Deadline::never());
  // Returns when the bytes have been taken; also when the answer is complete without them, or broke off:
  // the reading side tells.
  net::Task<void> write(std::span<const std::byte> bytes);
  // The body that goes up is complete.
  void finish();
  // Breaks the request off; the reading side gets `error`.
  void fail(Error error);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace brig::http
