// Inside the library: the keys that profiles and requests share.
//
// Threads: any. Failure: kept in the reader.
#pragma once

#include "policy/document.hpp"
#include "policy/request.hpp"

namespace brig::policy {

Request read_fields(Reader& top);

}  // namespace brig::policy
