// Files that callers hand in to be deployed: kept until they are built, or for an hour.
//
//   STATE/uploads/ID-TAG        TAG stands for whose it is, and of which mesh
//   STATE/uploads/.ID-TAG       one that is on its way; goes with a restart
//
// An id is found by whoever handed it in alone, in the mesh for which he did.
//
// Ownership: borrows the worker, which outlives it. Threads: the loop's. Failure: as Result.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "core/unique_fd.hpp"
#include "net/worker.hpp"
#include "service/services.hpp"

namespace brig::service {

class Uploads {
 public:
  static constexpr std::uint64_t kMost = 64 << 20;  // bytes of one
  static constexpr std::size_t kMostOfOne = 8;      // at once, of one caller in one mesh
  static constexpr std::size_t kMostOfMesh = 24;
  static constexpr std::size_t kMostOfAll = 64;
  static constexpr Millis kKept{3'600'000};

  Uploads(std::filesystem::path state, net::Worker& blocking)
      : root_(std::move(state) / "uploads"), blocking_(blocking) {}

  net::Task<Result<std::unique_ptr<Upload>>> begin(std::string owner, std::string mesh);
  // The name under which it is kept, from now on for another hour.
  net::Task<Result<std::string>> claim(std::string owner, std::string mesh, std::string id);
  // For reading. `kept` as claim() gave it.
  net::Task<Result<UniqueFd>> open(std::string kept);
  net::Task<void> remove(std::string kept);
  // What an earlier brigd left half done, or nobody came back for. Those in `needed` have another hour.
  net::Task<void> clear(std::set<std::string> needed);

 private:
  class Incoming;

  std::filesystem::path root_;
  net::Worker& blocking_;
};

}  // namespace brig::service
