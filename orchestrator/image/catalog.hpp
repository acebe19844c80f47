// The folders that images are made from, read once; and a hash of what an image would be made from now.
//
// Threads: load() and hash_source() read files: hash_source() on a worker. Failure: as Result, naming the
// file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "image/images.hpp"
#include "image/lock.hpp"

namespace brig::image {

inline constexpr std::size_t kMaxFolder = 64 << 20;  // bytes of one provider's folder
inline constexpr std::size_t kMaxFiles = 10'000;

struct Entry {
  Provider provider;
  std::filesystem::path folder;  // empty: its image is pulled
};

struct Catalog {
  std::filesystem::path dir;
  std::map<std::string, Entry> entries;

  static Result<Catalog> load(const std::filesystem::path& dir, std::string_view prefix);
  // `not_found` with the nearest known one.
  Result<const Entry*> find(const std::string& id) const;
  std::filesystem::path lock_file() const { return dir / "versions.lock"; }
};

// Of every file of `folder` (name, mode, content; a link is its target), of the programs that run in builds,
// and of the pins that its Dockerfile names; provider.toml aside, which no image holds.
Result<std::string> hash_source(const std::filesystem::path& folder, const std::filesystem::path& images_dir);

}  // namespace brig::image
