// Bytes both ways between two sockets, until both directions have ended or somebody cuts it.
//
// The end of one direction is passed on (half-close), the other goes on. A side that does not read makes the
// other wait: nothing is buffered but what one read brought, and an idle pump holds no buffer at all. A busy
// one yields after a megabyte. Either socket may be shared with the sandbox, which may change its flags at
// any moment, so every call says MSG_DONTWAIT.
//
// Ownership: owns both sockets; shared, for its coroutines keep it alive. Threads: the loop's.
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

class Pump : public std::enable_shared_from_this<Pump> {
 public:
  // `spend` is told of every piece and says whether there may be more.
  Pump(net::asio::any_io_executor executor, UniqueFd near, UniqueFd far,
       std::function<bool(std::size_t)> spend);
  ~Pump();

  struct Ended {
    std::string cut;      // why it was cut; "": it was not
    bool broken = false;  // a side was reset
  };
  // `first` was read from the near side already. Call once.
  net::Task<Ended> run(std::string first);
  void cut(std::string why);

  // What comes first from the near side, at most `most` bytes; "" at its end.
  net::Task<Result<std::string>> read_near(std::size_t most, Deadline deadline);
  void write_near(std::string_view bytes);  // as far as it takes it at once

  std::uint64_t sent() const { return sent_; }          // near → far
  std::uint64_t received() const { return received_; }  // far → near
  // The near socket, for who must close it elsewhere. Only after run().
  UniqueFd release_near();

 private:
  net::Task<void> flow(Descriptor* from, Descriptor* to, std::uint64_t* count, std::string first);

  Descriptor near_;
  Descriptor far_;
  std::function<bool(std::size_t)> spend_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  Ended ended_;
  bool over_ = false;
};

}  // namespace brig::egress
