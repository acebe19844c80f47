// Loop devices for disk images.
//
// A device goes with its last user, which is a mount; nobody has to take it down, whatever happens to brigd.
// One image never gets two devices: two file systems on one image would destroy it.
//
// Threads: any. Failure: as Result; `unsupported` where there are no loop devices.
#pragma once

#include <string>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

struct LoopDevice {
  UniqueFd device;  // keeps it until a mount does
  std::string path;
};

// The device that the image has already, or else a new one. Two callers at once could both make one: take
// turns until what is on the device is mounted.
Result<LoopDevice> loop_device_of(int image);
// Does anything, in whatever mount namespace, use it through a device?
bool has_loop_device(int image);
// For an image that nobody else can have opened yet: does not look for a device first.
Result<LoopDevice> new_loop_device(int image);

}  // namespace brig::workspace
