// A two-way pipe of lines to an MCP server: the standard input and output of a process, or anything that
// carries one message at a time.
//
// Ownership: whoever makes it; it outlives the Client on it. Threads: the loop's. One receive() and one
// ready() or send() at a time, each cancellable. Failure: as Result; the error of receive() is the end of the
// pipe, and its message says why ("the server exited with code 3"), for it is what pending callers are told.
#pragma once

#include <string>

#include "mcp/lines.hpp"
#include "net/task.hpp"

namespace brig::mcp {

class Pipe {
 public:
  virtual ~Pipe() = default;

  // Whether lines can be sent now; waits before it says no. Nothing is taken for it, so what nobody waits for
  // any more is never sent.
  virtual net::Task<Result<bool>> ready() = 0;
  // Takes lines (without the end of the last) and returns once there is room for more; so a server that does
  // not read holds up the senders, and nothing else.
  virtual net::Task<Result<void>> send(std::string lines) = 0;
  // The next line. LineSplitter makes lines of bytes.
  virtual net::Task<Result<Line>> receive() = 0;
};

}  // namespace brig::mcp
