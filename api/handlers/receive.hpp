// A request's body, handed on piece by piece as it comes, to whatever takes bytes.
//
// Threads: the loop's. Failure: as Result: it broke off, or is not taken.
#pragma once

#include <span>

#include "api/http/message.hpp"

namespace brig::api {

template <class To>
net::Task<Result<void>> receive(To* to, Source* source) {
  while (true) {
    BRIG_CO_TRY(auto bytes, co_await source->read());
    if (bytes.empty()) co_return Result<void>();
    BRIG_CO_CHECK(co_await to->write(std::as_bytes(std::span(bytes))));
  }
}

}  // namespace brig::api
