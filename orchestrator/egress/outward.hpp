// TLS to a host, by libcurl, over a connection that was decided about and made before.
//
// The host's certificate is checked whole: its chain against the authorities this host trusts, its name, its
// time.
//
// Ownership: owns the connection; borrows the CurlMulti. Threads: the loop's. Failure: as Result; a
// certificate that is not good is `denied`, with curl's reason.
#pragma once

#include "core/clock.hpp"
#include "egress/stream.hpp"
#include "policy/egress/host.hpp"

namespace brig::http {
class CurlMulti;
}

namespace brig::egress {

class Outward final : public Stream {
 public:
  // `authorities`: a PEM file.
  Outward(net::asio::any_io_executor executor, http::CurlMulti& multi, Target target, UniqueFd connected,
          const std::string& authorities);
  ~Outward() override;

  net::Task<Result<void>> connect(Deadline deadline);
  net::Task<Result<std::size_t>> read(std::span<char> into) override;
  net::Task<Result<void>> write(std::string_view bytes) override;
  net::Task<void> finish() override { co_return; }
  // Whoever waits in read() or write() is told that it is over.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brig::egress
