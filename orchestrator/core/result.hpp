// Result<T>: a value or an Error.
//
// Threads: plain values. Failure: value() of an error, or error() of a value, is a broken invariant and
// aborts.
//
//   Result<int> parse(std::string_view);
//   Result<void> f() {
//     BRIG_TRY(int n, parse("7"));       // returns the error from here
//     BRIG_CHECK(use(n));                // the same for Result<void>
//     return {};
//   }
// In coroutines: BRIG_CO_TRY and BRIG_CO_CHECK. They are several statements, so brace them under an if.
#pragma once

#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "core/error.hpp"

namespace brig {

template <class T>
class [[nodiscard]] Result {
 public:
  // Asio default-constructs a coroutine's result when the coroutine ends by an exception; nobody reads it.
  Result() : state_(std::in_place_index<1>, Error{Code::internal, "no result", {}, false}) {}
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  bool ok() const { return state_.index() == 0; }

  T& value() & { return checked<0>(state_); }
  const T& value() const& { return checked<0>(state_); }
  T&& value() && { return std::move(checked<0>(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return checked<1>(state_); }
  const Error& error() const& { return checked<1>(state_); }
  Error&& error() && { return std::move(checked<1>(state_)); }

 private:
  template <std::size_t I, class V>
  static auto& checked(V& v) {
    auto* p = std::get_if<I>(&v);
    if (!p) std::abort();
    return *p;
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  bool ok() const { return !error_; }

  Error& error() & { return checked(); }
  const Error& error() const& {
    if (!error_) std::abort();
    return *error_;
  }
  Error&& error() && { return std::move(checked()); }

 private:
  Error& checked() {
    if (!error_) std::abort();
    return *error_;
  }

  std::optional<Error> error_;
};

}  // namespace brig

#define BRIG_CONCAT_(a, b) a##b
#define BRIG_CONCAT(a, b) BRIG_CONCAT_(a, b)
#define BRIG_TRY_(tmp, ret, decl, ...)  \
  auto tmp = (__VA_ARGS__);             \
  if (!tmp) ret std::move(tmp).error(); \
  decl = std::move(tmp).value()
#define BRIG_TRY(decl, ...) BRIG_TRY_(BRIG_CONCAT(brig_try_, __LINE__), return, decl, __VA_ARGS__)
#define BRIG_CO_TRY(decl, ...) BRIG_TRY_(BRIG_CONCAT(brig_try_, __LINE__), co_return, decl, __VA_ARGS__)
#define BRIG_CHECK(...) \
  if (auto brig_check_ = (__VA_ARGS__); !brig_check_) return std::move(brig_check_).error()
#define BRIG_CO_CHECK(...) \
  if (auto brig_check_ = (__VA_ARGS__); !brig_check_) co_return std::move(brig_check_).error()
