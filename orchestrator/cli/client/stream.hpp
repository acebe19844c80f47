// A byte stream to brigd: a unix socket, a TCP socket, or TLS over one. Never blocks by itself.
//
// Ownership: owns its descriptor. Threads: one. Failure: Io::State, with the sentence in failure().
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

struct Io {
  enum class State { done, want_read, want_write, closed, failed };
  State state = State::done;
  std::size_t count = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual int fd() const = 0;
  virtual Io read(std::span<char> into) = 0;
  virtual Io write(std::span<const char> bytes) = 0;
  // Bytes that a poll of fd() does not show, because they are decrypted already.
  virtual bool pending() const { return false; }
  virtual std::string failure() const = 0;
};

std::unique_ptr<Stream> plain_stream(UniqueFd socket);

// Wait and move everything, or say why not. `where` names the peer in errors.
Result<void> write_all(Stream& stream, std::string_view bytes, Deadline deadline);
// At least one byte, or 0 at the end of the stream. Something to read on `interrupt` (-1: none) ends the wait
// with an error for which was_interrupted() holds.
Result<std::size_t> read_some(Stream& stream, std::span<char> into, Deadline deadline, int interrupt = -1);
bool was_interrupted(const Error& error);

}  // namespace brig::cli
