// A file, or what is piped in, on its way to brigd as it is.
//
// Threads: one. Failure: as Result, naming what could not be read, or as brigd refused it.
#pragma once

#include <string>

#include "cli/client/upload.hpp"
#include "cli/meter.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

// For send(); the meter is told how much to expect.
Result<UniqueFd> open_to_send(const std::string& file, Meter& meter);
// All that is read there, until brigd answers: what it answered. `what`: "the archive".
Result<std::string> send(int from, const std::string& what, Client::Upload& upload, Meter& meter);

}  // namespace brig::cli
