// A stream of bytes as an exchange sees it: the client's socket, TLS upon it, or TLS outwards.
//
// One reader and one writer at a time, and they may be two. Threads: the loop's. Failure: as Result.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "egress/passage.hpp"

namespace brig::egress {

class Stream {
 public:
  virtual ~Stream() = default;
  // At least a byte, or 0 at the end.
  virtual net::Task<Result<std::size_t>> read(std::span<char> into) = 0;
  // All of it.
  virtual net::Task<Result<void>> write(std::string_view bytes) = 0;
  // Nothing more will be written.
  virtual net::Task<void> finish() = 0;
};

// The client's socket, which stays the passage's. `first` comes before what is read from it.
std::unique_ptr<Stream> socket_stream(Descriptor& socket, std::string first);

class Leaf;
// TLS as the server, with the certificate of `leaf`, over `below`.
// The first read or write shakes hands.
std::unique_ptr<Stream> tls_server(std::unique_ptr<Stream> below, std::shared_ptr<Leaf> leaf,
                                   const net::asio::any_io_executor& executor);

}  // namespace brig::egress
