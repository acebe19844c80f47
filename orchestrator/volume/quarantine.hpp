// Where pruned volumes are until nobody can want them any more: archived (volume/archive.hpp) in
// STATE/quarantine/NAME, their row kept, so that they come back as what they were.
//
// A volume is whole in exactly one of the two places, and the ledger says in which (store::stage): the image
// is what counts until its archive is whole, on the disk and compared; then the archive is, and the image
// goes. What a kill -9 leaves half done, the next start goes on with, an archive from where it was.
//
// Whoever wants a volume gets it: a session that asks for one that is being archived ends that, and one that
// asks for one in quarantine waits until it is out again.
//
// Ownership: borrows the Volumes, whose bring_back it sets. close() before destroying it: what is being
// archived is given up. Threads: the loop's; a thread of its own does the work. Failure: as Result; whatever
// goes wrong before the archive is whole leaves the volume where it was, and what goes wrong on the way back
// leaves it in quarantine; a damaged archive is `corrupt`.
#pragma once

#include <atomic>
#include <map>
#include <memory>

#include "volume/volumes.hpp"

namespace brig::volume {

class Quarantine {
 public:
  struct Options {
    Millis retention{};
    std::uint64_t bytes_per_second = std::uint64_t{256} << 20;
  };
  Quarantine(net::asio::any_io_executor executor, Options options, Volumes& volumes, const Clock& clock);
  void close();

  // What its archive takes. `conflict` if somebody has it, wants it, or it is pinned.
  net::Task<Result<std::uint64_t>> put(std::string name, std::function<void(double fraction)> progress);
  // No error if it is there.
  net::Task<Result<void>> restore(std::string name);
  // Ends what an earlier brigd began; then lets go what was kept for long enough. Until cancelled.
  net::Task<void> run();

 private:
  struct Job {
    std::atomic<bool> cancelled{false};
  };
  class Turn;

  net::Task<Result<std::uint64_t>> carry(std::string name, std::function<void(double)> progress);
  net::Task<Result<std::uint64_t>> archive(store::VolumeRow row, std::shared_ptr<Job> job,
                                           std::function<void(double)> progress);
  net::Task<Result<void>> give_up(store::VolumeRow row);
  net::Task<Result<void>> finish(std::string name);
  net::Task<Result<void>> unpack(store::VolumeRow row);
  net::Task<void> end_what_was_begun();
  net::Task<void> let_go();
  std::filesystem::path archive_of(const std::string& name) const {
    return volumes_.quarantine_of(name) / "volume.zst";
  }

  net::asio::any_io_executor executor_;
  Options options_;
  Volumes& volumes_;
  const Clock& clock_;
  net::Event changed_;
  std::map<std::string, std::shared_ptr<Job>> jobs_;
  bool closing_ = false;
  net::Worker worker_{1};
};

}  // namespace brig::volume
