// A request's body, handed on piece by piece as it comes, to whatever takes bytes.
//
// Threads: the loop's. Failure: as Result: it broke off, or is not taken.
#pragma once

#include <vector>

#include "api/http/message.hpp"

namespace brig::api {

template <class To>
net::Task<Result<void>> receive(To* to, Source* source) {
  while (true) {
    BRIG_CO_TRY(auto bytes, co_await source->read());
    if (bytes.empty()) co_return Result<void>();
    const auto* at = reinterpret_cast<const std::byte*>(bytes.data());
    std::vector<std::byte> piece(at, at + bytes.size());
    BRIG_CO_CHECK(co_await to->write(std::move(piece)));
  }
}

}  // namespace brig::api
