// The bound of a volume: what is in it lives in a file system of that size, VOLUME/disk.img, mounted at
// VOLUME/data for as long as brigd runs or a sandbox has it.
//
// So the bound holds whoever writes, and how fast; and the plain Docker client sees what is in there. What
// somebody put into the directory while nothing was mounted is taken in.
//
// Ownership: the mount is the kernel's and outlives brigd. Threads: any; blocks. Failure: as Result, naming
// the volume's directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "core/result.hpp"

namespace brig::volume {

inline constexpr std::uint64_t kSmallestVolume = 16u << 20;
inline constexpr std::uint64_t kLargestVolume = std::uint64_t{1} << 44;
Result<void> check_size(std::uint64_t bytes);

// Makes the file system if there is none: one that is there keeps its size. No error if it is mounted.
// Whether something was taken in, whose owner is not the sandbox's user.
Result<bool> mount_volume(const std::filesystem::path& volume, std::uint64_t bytes);
// No error if it is not mounted; who still uses it keeps it.
Result<void> unmount_volume(const std::filesystem::path& volume);

// Until the kernel has written all of it and nobody has it open or mounted, wherever: `conflict` if that does
// not come soon.
Result<void> wait_until_unused(const std::filesystem::path& volume);

// What is used of a mounted one: asks the kernel alone.
std::optional<std::uint64_t> used_of(const std::filesystem::path& volume);
// What its file system takes on the host.
std::optional<std::uint64_t> allocated_of(const std::filesystem::path& volume);

}  // namespace brig::volume
