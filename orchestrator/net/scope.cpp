#include "net/scope.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <exception>

#include "core/log.hpp"

namespace brig::net {
namespace {

bool is_cancellation(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (const asio::multiple_exceptions& e) {  // both sides of an operator|| were cancelled
    return is_cancellation(e.first_exception());
  } catch (...) {
    return false;
  }
}

std::string what_of(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown";
  }
}

}  // namespace

struct Scope::Child {
  asio::cancellation_signal signal;
};

struct Scope::State {
  explicit State(const asio::any_io_executor& executor) : changed(executor) {}
  std::list<Child> children;
  Event changed;
  bool closing = false;
};

Scope::Scope(asio::any_io_executor executor, std::string name)
    : executor_(std::move(executor)), name_(std::move(name)), state_(std::make_shared<State>(executor_)) {}

Scope::~Scope() {
  if (state_->children.empty()) return;
  log::error("a scope was destroyed with coroutines in it",
             {{"scope", name_}, {"count", state_->children.size()}});
  std::abort();
}

void Scope::spawn(Task<void> task) {
  if (state_->closing) return;
  auto& state = state_;
  auto child = state->children.emplace(state->children.end());
  auto done = [state, child, name = name_](std::exception_ptr failure) {
    state->children.erase(child);
    state->changed.notify_all();
    if (!failure || is_cancellation(failure)) return;
    log::error("a coroutine failed", {{"scope", name}, {"what", what_of(failure)}});
    std::abort();
  };
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(child->signal.slot(), std::move(done)));
}

void Scope::cancel() {
  // Emitting may end a coroutine at once, so step before emitting. `terminal`: nothing may be left running.
  auto state = state_;
  for (auto it = state->children.begin(); it != state->children.end();) {
    auto current = it++;
    current->signal.emit(asio::cancellation_type::terminal);
  }
}

Task<void> Scope::close() {
  auto state = state_;
  state->closing = true;
  cancel();
  co_await join();
}

Task<void> Scope::join() {
  auto state = state_;
  // The joiner may itself be cancelled; it must still wait, or its children would outlive what they use.
  bool interruptible = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!state->children.empty()) co_await state->changed.wait();
  co_await asio::this_coro::throw_if_cancelled(interruptible);
}

std::size_t Scope::size() const {
  return state_->children.size();
}

}  // namespace brig::net
