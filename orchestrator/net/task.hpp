// Task<T>: what a coroutine on the loop returns; and how one waits on another with a limit.
//
// All coroutines run on the loop's one thread. An awaited operation that fails gives an error code as a value
// (await with `net::use_result`). Cancellation is different: it unwinds the coroutine by an exception
// (boost::system::system_error, operation_aborted) from the next co_await, so what must be undone is undone
// in destructors; only Scope catches it.
//
// Traps with g++ 12: no capturing lambda and no brace-initialised temporary in the same expression as
// co_await (each is destroyed twice): give them names first. Parameters of coroutines by value. Threads: the
// loop's. Failure: as Result.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig::net {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T>;

// auto [ec, n] = co_await socket.async_read_some(buffer, use_result);
inline constexpr auto use_result = asio::as_tuple(asio::use_awaitable);

inline Task<void> sleep_for(Millis duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(use_result);
}

// The task's result, or `timeout` if the deadline passes first; then the task has been cancelled and is gone.
template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, Deadline deadline, std::string what) {
  using namespace asio::experimental::awaitable_operators;
  if (deadline.is_never()) co_return co_await std::move(task);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_at(deadline.at());
  auto first = co_await (std::move(task) || timer.async_wait(use_result));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return Error{Code::timeout, what + " took too long", what, true};
}

}  // namespace brig::net
