// What is to be done to a project, written down before it is done.
//
//   STATE/reviews/SESSION/known          what applies left on the host (conflict.hpp)
//   STATE/reviews/SESSION/N/new/I        the content that operation I puts on the host
//   STATE/reviews/SESSION/N/old/I        what it replaces
//   STATE/reviews/SESSION/N/plan         the operations: from here on the intent stands
//   STATE/reviews/SESSION/N/swapping     everything is prepared: from here on it will be finished
//   STATE/reviews/SESSION/N/done         what was left on the host
//
// Each of the three files comes into being whole. Threads: any, one at a time. Failure: as Result; `corrupt`
// for what cannot be understood.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "review/conflict.hpp"

namespace brig::review {

struct Operation {
  std::string path;    // bytes
  Identity before;     // on the host
  gid_t group = 0;     // of what is there before, kept where the owner may
  mode_t after = 0;    // kind and bits; 0: nothing
  std::string target;  // of a link
  std::string handle;  // of the file that is there before (conflict.hpp)
};

struct Plan {
  std::string id;  // names the directory in the project that things are prepared in
  std::string project;
  std::uint64_t inode = 0;              // of the project's directory
  std::optional<std::uint32_t> undoes;  // the entry that this one takes back
  std::vector<Operation> operations;
};

class Entry {
 public:
  Entry(std::filesystem::path directory, std::uint32_t number)
      : directory_(std::move(directory)), number_(number) {}

  std::uint32_t number() const { return number_; }
  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path new_file(std::size_t i) const { return directory_ / "new" / std::to_string(i); }
  std::filesystem::path old_file(std::size_t i) const { return directory_ / "old" / std::to_string(i); }

  Result<void> write_plan(const Plan& plan) const;
  Result<std::optional<Plan>> read_plan() const;
  // The inodes of what is put in place, by operation; 0 where nothing is.
  Result<void> write_swapping(const std::vector<std::uint64_t>& inodes) const;
  Result<std::optional<std::vector<std::uint64_t>>> read_swapping() const;
  Result<void> write_done(const std::vector<Identity>& left) const;
  Result<std::optional<std::vector<Identity>>> read_done() const;

 private:
  std::filesystem::path directory_;
  std::uint32_t number_;
};

class Journal {
 public:
  // STATE/reviews/SESSION, which is made when it is needed.
  explicit Journal(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path known() const { return directory_ / "known"; }
  Result<std::vector<Entry>> entries() const;  // oldest first
  Result<Entry> begin() const;                 // a new one, with its directories
  Result<void> drop(const Entry& entry) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace brig::review
