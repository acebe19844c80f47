// Does to a project what a plan says: every file at once or not at all, and the whole so that it can be
// finished, or taken back, by whoever comes after a crash.
//
// prepare() puts everything that is new into one directory in the project, PROJECT/.brig-ID; swap() then only
// exchanges names: what was there goes into that directory, and is looked at once more after it has gone
// there, so that not even an edit made in between is lost. Until clean() nothing is deleted.
//
// Paths are walked beneath the project's directory, without links and mounts, with the owner's rights.
//
// Ownership: borrows everything. Threads: those of with_rights(). Failure: as Result; `conflict` if the host
// has something else than the plan says; take_back() is the caller's to call.
#pragma once

#include <functional>

#include "core/unique_fd.hpp"
#include "review/journal.hpp"

namespace brig::review {

// Called before every change to any file system; tests die here.
using Step = std::function<void()>;

class Transaction {
 public:
  // `content`: a file with what an operation puts there.
  using Content = std::function<std::filesystem::path(std::size_t operation)>;
  Transaction(const Plan& plan, int project, Content content, Step step);

  // Makes everything anew, whatever an earlier try has left.
  Result<std::vector<std::uint64_t>> prepare();
  // `again`: an earlier try may have done some of it.
  Result<void> swap(const std::vector<std::uint64_t>& inodes, bool again);
  Result<void> take_back(const std::vector<std::uint64_t>& inodes);
  // What stands on the host now, by operation.
  Result<std::vector<Identity>> left() const;
  Result<void> clean();

 private:
  struct Where {
    UniqueFd parent;
    std::string name;
  };
  Result<Where> where(const std::string& path) const;
  Result<void> make_new(std::size_t i, int room);
  Result<void> put(std::size_t i, int room, std::uint64_t inode, bool again);
  Result<void> take_away(std::size_t i, int room, bool again);
  Result<void> make_directory(const Operation& operation, bool again);
  Result<void> remove_directory(const Operation& operation);
  Result<void> set_mode(const std::string& path, mode_t mode);
  Result<UniqueFd> open_room() const;
  void step() const {
    if (step_) step_();
  }

  const Plan& plan_;
  int project_;
  Content content_;
  Step step_;
  std::string room_;
};

}  // namespace brig::review
