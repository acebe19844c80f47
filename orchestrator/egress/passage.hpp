// What passes between a sandbox's client and a host, of either kind: bytes as they are (pump.hpp), or
// requests that are made anew (exchange.hpp). Here is the near side, the client's, and what both kinds count
// and obey.
//
// The near socket may be shared with the sandbox, which may change its flags at any moment, so every call on
// it says MSG_DONTWAIT.
//
// Ownership: owns the near socket; shared, for its coroutines keep it alive. Threads: the loop's.
// Failure: as Ended.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "core/unique_fd.hpp"
#include "net/task.hpp"

namespace brig::egress {

using Descriptor = net::asio::posix::basic_stream_descriptor<net::asio::any_io_executor>;

class Passage : public std::enable_shared_from_this<Passage> {
 public:
  // `spend` is told of every piece and says whether there may be more.
  Passage(net::asio::any_io_executor executor, UniqueFd near, std::function<bool(std::size_t)> spend);
  virtual ~Passage();
  Passage(const Passage&) = delete;

  struct Ended {
    std::string cut;      // why it was cut; "": it was not
    bool broken = false;  // a side was reset
    bool denied = false;  // it was cut for what the client asked for
  };
  // `first` was read from the near side already. Call once.
  virtual net::Task<Ended> run(std::string first) = 0;
  void cut(std::string why);

  // What comes first from the near side, at most `most` bytes; "" at its end.
  net::Task<Result<std::string>> read_near(std::size_t most, Deadline deadline);
  void write_near(std::string_view bytes);  // as far as it takes it at once
  // From now on what the client sends is shown to it before it is passed on, but for what `first` and heads
  // of requests hold: "", or why it is refused.
  void inspect(std::function<std::string(std::string_view)> look) { look_ = std::move(look); }

  std::uint64_t sent() const { return sent_; }          // near → far
  std::uint64_t received() const { return received_; }  // far → near
  // The near socket, for who must close it elsewhere. Only after run().
  UniqueFd release_near();

 protected:
  // Nothing waits for the far side any more.
  virtual void stop() = 0;

  Descriptor near_;
  std::function<bool(std::size_t)> spend_;
  std::function<std::string(std::string_view)> look_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  Ended ended_;
  bool over_ = false;
};

}  // namespace brig::egress
