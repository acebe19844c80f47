// Reaching into a running sandbox: its files and its ports, with the sandbox's own rights.
//
// Ownership: what is given out may outlive the session; it then fails. Threads: the loop's. Failure: as
// Result. What comes out of a sandbox is hostile: archives are passed on as they are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "session/sessions.hpp"
#include "supervisor/link.hpp"

namespace brig::session {

// An archive of what was asked for. Destroying it ends the copying.
class Download {
 public:
  virtual ~Download() = default;
  // At least one byte; none at the archive's end.
  virtual net::Task<Result<std::vector<std::byte>>> read() = 0;
};

struct UploadSpec {
  enum class Form {
    unpack,  // an archive, into the directory `path`
    place,   // an archive of one thing called `top`: it becomes `path`, or goes into it if it is a directory
    put,     // an archive of one file called "file", which becomes `path`
  };
  Form form = Form::unpack;
  std::string path;
  std::string top;
};

class Upload {
 public:
  virtual ~Upload() = default;
  // Waits while the sandbox does not keep up; `bytes` must last until it returns. An error is why it takes no
  // more.
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
  // Returns when everything stands where it belongs.
  virtual net::Task<Result<void>> finish() = 0;
};

class Reach {
 public:
  virtual ~Reach() = default;
  // Paths are absolute. Returns once the first of it is there, or the reason why nothing comes.
  virtual net::Task<Result<std::unique_ptr<Download>>> download(Caller caller, std::string ref,
                                                                std::string path) = 0;
  virtual net::Task<Result<std::unique_ptr<Upload>>> upload(Caller caller, std::string ref,
                                                            UploadSpec spec) = 0;
  // A connection to the port on the sandbox's loopback.
  virtual net::Task<Result<std::unique_ptr<supervisor::Channel>>> connect(Caller caller, std::string ref,
                                                                          std::uint16_t port) = 0;
};

}  // namespace brig::session
