// With whose rights the files of a review are touched: those of the project's owner, never brigd's own.
//
// What the sandbox wrote belongs to the owner; what it only renamed or deleted may be somebody else's, and
// reading that as root would show the owner what he may not see. So a review runs on a thread that the kernel
// takes for the owner. The one exception: what is the owner's own, but shut by its mode (the agent may
// `chmod 0`), is opened all the same, since he could open it up himself.
//
// Threads: with_rights() makes one; everything else on that one. Failure: as Result, or as the kernel's.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <thread>
#include <type_traits>

#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "workspace/project.hpp"

namespace brig::review {

// On its own thread, which goes with it. Raw system calls: the C library would change all threads.
Result<void> run_as(const workspace::Identity& owner, const std::function<void()>& work);

template <class F>
std::invoke_result_t<F> with_rights(const workspace::Identity& owner, F work) {
  std::optional<std::invoke_result_t<F>> result;
  BRIG_CHECK(run_as(owner, [&] { result.emplace(work()); }));
  return std::move(*result);
}

// brigd's own rights for as long as it lives: for its state directory.
class AsRoot {
 public:
  AsRoot();
  ~AsRoot();
  AsRoot(const AsRoot&) = delete;
  AsRoot& operator=(const AsRoot&) = delete;
};

// An O_PATH descriptor of an entry; links are not followed, mounts not crossed.
UniqueFd look_at(int directory, const char* name);
// For reading, given an O_PATH descriptor. A file must be a regular one (anything else is EINVAL): opening
// must not wait for a pipe's writer or move a device.
UniqueFd open_directory(int path);
UniqueFd open_file(int path);

struct stat stat_of(int fd);  // st_mode 0 if it cannot be told

}  // namespace brig::review
