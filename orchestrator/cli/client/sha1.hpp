// SHA-1, for nothing but the proof in the WebSocket handshake (which is not about security): a library for it
// would cost `brig` more than half of its start.
//
// Threads: any. Failure: none.
#pragma once

#include <string>
#include <string_view>

namespace brig::cli {

// The 20 bytes of the digest.
std::string sha1(std::string_view bytes);

}  // namespace brig::cli
