// How a request can fail on its way.
//
// Threads: plain values. Failure: none.
#pragma once

#include <string>

namespace brig::http {

// What went wrong, before it is put into words.
struct Failure {
  enum class Kind {
    connect,    // nobody there, or not allowed: os_error
    resolve,    // no such host
    tls,        // certificates, handshake
    timeout,    // the deadline passed
    closed,     // the peer went away in the middle
    nonsense,   // not HTTP
    too_large,  // over a bound of ours
    local,      // out of memory or descriptors, unreadable files
  };
  Kind kind = Kind::local;
  int os_error = 0;
  std::string detail;  // curl's words; not yet printable
};

}  // namespace brig::http
