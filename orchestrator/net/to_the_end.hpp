// Work that goes on to its end although whoever asked for it goes away.
//
// Threads: the loop's. Failure: the work's own.
#pragma once

#include <memory>
#include <optional>

#include "net/event.hpp"
#include "net/scope.hpp"

namespace brig::net {

template <class T>
struct Pending {
  explicit Pending(asio::any_io_executor executor) : changed(std::move(executor)) {}
  std::optional<T> result;
  Event changed;
};

template <class T>
Task<void> finish(std::shared_ptr<Pending<T>> pending, Task<T> work) {
  pending->result.emplace(co_await std::move(work));
  pending->changed.notify_all();
}

// The scope's owner waits for it.
template <class T>
Task<T> to_the_end(Scope& scope, Task<T> work) {
  auto pending = std::make_shared<Pending<T>>(scope.executor());
  scope.spawn(finish(pending, std::move(work)));
  while (!pending->result) co_await pending->changed.wait();
  co_return std::move(*pending->result);
}

}  // namespace brig::net
