// Lines of JSON as they arrive on a transfer.
//
// Threads: the loop's; one reader. Failure: as Result.
#pragma once

#include <optional>
#include <string>

#include "docker/json.hpp"
#include "docker/lines.hpp"
#include "docker/transport.hpp"

namespace brig::docker {

class LineReader {
 public:
  LineReader(Transport& transport, Transfer transfer, std::string what)
      : transport_(transport), transfer_(std::move(transfer)), what_(std::move(what)) {}

  // The next line's JSON; none at the end.
  net::Task<Result<std::optional<Json>>> next();

 private:
  Transport& transport_;
  Transfer transfer_;
  std::string what_;
  std::string piece_;
  LineSplitter lines_;
  bool ended_ = false;
};

}  // namespace brig::docker
