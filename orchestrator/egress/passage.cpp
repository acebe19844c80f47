#include "egress/passage.hpp"

#include <sys/socket.h>

namespace brig::egress {
namespace {

// One for all: nothing stays in it from one wait to the next.
char scratch[32 * 1024];

}  // namespace

Passage::Passage(net::asio::any_io_executor executor, UniqueFd near, std::function<bool(std::size_t)> spend)
    : near_(executor, near.release()), spend_(std::move(spend)) {}

Passage::~Passage() = default;

void Passage::cut(std::string why) {
  if (std::exchange(over_, true)) return;
  ended_.cut = std::move(why);
  boost::system::error_code ignored;
  near_.cancel(ignored);
  stop();
}

UniqueFd Passage::release_near() {
  return UniqueFd(near_.is_open() ? near_.release() : -1);
}

void Passage::write_near(std::string_view bytes) {
  (void)!::send(near_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

net::Task<Result<std::string>> Passage::read_near(std::size_t most, Deadline deadline) {
  while (true) {
    if (over_) co_return Error{Code::cancelled, ended_.cut, "egress", false};
    auto n = ::recv(near_.native_handle(), scratch, std::min(most, sizeof scratch), MSG_DONTWAIT);
    if (n >= 0) co_return std::string(scratch, static_cast<std::size_t>(n));
    if (errno != EAGAIN && errno != EINTR) co_return errno_error(errno, "the connection ended", "egress");
    auto self = shared_from_this();
    auto wait = [](std::shared_ptr<Passage> passage) -> net::Task<Result<void>> {
      (void)co_await passage->near_.async_wait(Descriptor::wait_read, net::use_result);
      co_return Result<void>();
    };
    auto waiting = wait(self);
    BRIG_CO_CHECK(co_await net::with_deadline(std::move(waiting), deadline, "its first bytes"));
  }
}

}  // namespace brig::egress
