// Volumes of an engine: the group /volumes of the Engine API.
//
// Threads: the loop's. Failure: as Result; a volume in use is `conflict`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "docker/containers.hpp"

namespace brig::docker {

struct VolumeOptions {
  std::string name = {};
  std::string driver = "local";
  std::map<std::string, std::string> driver_options = {};  // "type", "o", "device"
  std::map<std::string, std::string> labels = {};
};

struct VolumeInfo {
  std::string name = {};
  std::string driver = {};
  std::string mountpoint = {};
  std::optional<WallTime> created = {};
  std::map<std::string, std::string> labels = {};
  std::map<std::string, std::string> driver_options = {};
};

struct VolumeFilter {
  std::vector<std::string> labels = {};  // "key" or "key=value"; all must match
  std::vector<std::string> names = {};   // parts of names; any may match
  std::optional<bool> dangling = {};     // true: no container knows it
};

class Volumes {
 public:
  virtual ~Volumes() = default;

  // A volume of that name that exists is given back as it is: compare what comes back.
  virtual net::Task<Result<VolumeInfo>> create(VolumeOptions options,
                                               Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<VolumeInfo>> inspect(std::string name, Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<std::vector<VolumeInfo>>> list(VolumeFilter filter,
                                                          Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<void>> remove(std::string name, bool force,
                                         Deadline deadline = default_deadline()) = 0;
};

}  // namespace brig::docker
