// Volumes carried out to people as files and taken in from them (volume/portable.hpp), and copied.
//
// What is carried out is a copy of one moment of the volume's file system: whoever writes to it waits while
// it is copied (workspace/disk_image.hpp), and no more. What is taken in lies in a file without a name until
// all of it is there and was looked at, and only then goes into a volume. So a kill -9 leaves nothing.
//
// Threads: any, one at a time; all of it blocks. Failure: as Result; a full disk is `exhausted`.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "volume/portable.hpp"

namespace brig::volume {

// Where, in the state directory, what is carried waits. What an earlier brigd has left there is nobody's.
inline std::filesystem::path carried_in(const std::filesystem::path& state) {
  return state / "carried";
}

// Makes the file system of `to`, a directory that is not there yet, that of `from` as it is at one moment.
Result<void> copy_volume(const std::filesystem::path& from, const std::filesystem::path& to);

class Export {
 public:
  // `scratch`: a directory that is not there yet, and is gone again when this returns.
  static Result<std::unique_ptr<Export>> begin(const std::filesystem::path& volume,
                                               const std::filesystem::path& scratch, Described described);
  ~Export();

  // Some of it; empty: that was all.
  Result<std::string> next();

 private:
  struct State;
  explicit Export(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Import {
 public:
  // `directory`: on whose file system it waits. At most `most` bytes are taken.
  static Result<std::unique_ptr<Import>> begin(const std::filesystem::path& directory, std::uint64_t most);

  Result<void> add(std::string_view bytes);
  // All of it is there, and in order.
  Result<Described> finish();
  // Into a new volume of `bytes`, whose directory is not there yet. If it fails, what was made of it is the
  // caller's to remove.
  Result<void> put_into_new(const std::filesystem::path& volume, std::uint64_t bytes) const;

 private:
  Import(UniqueFd file, std::uint64_t most)
      : file_(std::move(file)), most_(most), reader_({.bytes = most}, nullptr) {}

  UniqueFd file_;
  std::uint64_t most_;
  std::uint64_t size_ = 0;
  PortableReader reader_;
};

}  // namespace brig::volume
