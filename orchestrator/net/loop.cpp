#include "net/loop.hpp"

namespace brig::net {

void Loop::run(Task<void> main) {
  asio::co_spawn(context_, std::move(main), [this](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
    context_.stop();
  });
  context_.run();
}

}  // namespace brig::net
