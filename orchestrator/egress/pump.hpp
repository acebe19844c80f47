// Bytes both ways between two sockets, until both directions have ended or somebody cuts it.
//
// The end of one direction is passed on (half-close), the other goes on. A side that does not read makes the
// other wait: nothing is buffered but what one read brought, and an idle pump holds no buffer at all. A busy
// one yields after a megabyte.
//
// Ownership: owns both sockets; shared, for its coroutines keep it alive. Threads: the loop's.
// Failure: as Ended.
#pragma once

#include "egress/passage.hpp"

namespace brig::egress {

class Pump final : public Passage {
 public:
  Pump(net::asio::any_io_executor executor, UniqueFd near, UniqueFd far,
       std::function<bool(std::size_t)> spend);

  net::Task<Ended> run(std::string first) override;

 private:
  void stop() override;
  net::Task<void> flow(Descriptor* from, Descriptor* to, std::uint64_t* count, std::string first);

  Descriptor far_;
};

}  // namespace brig::egress
