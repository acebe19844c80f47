// Inside the module: what a program writes, as a tar that goes to the engine.
//
// The end of its output counts only if the program ended well: half a tree must not become an image.
//
// Ownership: the program is killed with it. Threads: the loop's. Failure: as Result, with what the program
// said.
#pragma once

#include <memory>

#include "docker/streams.hpp"
#include "process/process.hpp"

namespace brig::image {

class ProgramSource final : public docker::Source {
 public:
  ProgramSource(std::string name, std::unique_ptr<process::Process> process, std::uint64_t max)
      : name_(std::move(name)), process_(std::move(process)), max_(max) {}

  net::Task<Result<std::size_t>> read(std::span<std::byte> into) override;
  // What went wrong here, if it did: an engine that was cut off says less.
  const std::optional<Error>& error() const { return error_; }

 private:
  net::Task<Result<std::size_t>> next(std::span<std::byte> into);

  std::string name_;
  std::unique_ptr<process::Process> process_;
  std::uint64_t max_;
  std::uint64_t total_ = 0;
  bool ended_ = false;
  std::optional<Error> error_;
};

}  // namespace brig::image
