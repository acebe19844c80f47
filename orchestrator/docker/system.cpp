#include "docker/system.hpp"

#include "core/text.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"

namespace brig::docker {
namespace {

std::vector<std::string> printable_all(std::vector<std::string> texts) {
  for (auto& t : texts) t = printable(t, 512);
  return texts;
}

Result<EngineInfo> info_of(std::string body) {
  BRIG_TRY(Json json, parse(body, "describe itself"));
  EngineInfo out;
  out.id = text_at(json, "ID");
  out.name = printable(text_at(json, "Name"));
  out.version = printable(text_at(json, "ServerVersion"), 64);
  out.operating_system = printable(text_at(json, "OperatingSystem"));
  out.kernel = printable(text_at(json, "KernelVersion"));
  out.architecture = printable(text_at(json, "Architecture"), 64);
  out.storage_driver = printable(text_at(json, "Driver"), 64);
  out.logging_driver = printable(text_at(json, "LoggingDriver"), 64);
  out.root_dir = text_at(json, "DockerRootDir");
  out.default_runtime = text_at(json, "DefaultRuntime");
  out.runtimes = keys_at(json, "Runtimes");
  out.security_options = printable_all(texts_at(json, "SecurityOptions"));
  out.warnings = printable_all(texts_at(json, "Warnings"));
  out.cgroup_version = text_at(json, "CgroupVersion") == "2" ? 2 : 1;
  out.cgroup_driver = printable(text_at(json, "CgroupDriver"), 64);
  out.cpus = static_cast<unsigned>(size_at(json, "NCPU"));
  out.memory = size_at(json, "MemTotal");
  out.containers = size_at(json, "Containers");
  out.containers_running = size_at(json, "ContainersRunning");
  out.images = size_at(json, "Images");
  out.memory_limit = bool_at(json, "MemoryLimit");
  out.swap_limit = bool_at(json, "SwapLimit");
  out.pids_limit = bool_at(json, "PidsLimit");
  out.cpu_quota = bool_at(json, "CpuCfsQuota");
  out.oom_kill_disable = bool_at(json, "OomKillDisable");
  out.raw = std::move(body);
  return out;
}

// Sums `bytes_of` over the list under `key`.
template <class F>
DiskUse::Kind sum(const Json& json, const char* key, F bytes_of) {
  DiskUse::Kind out;
  const Json& list = at(json, key);
  if (!list.is_array()) return out;
  out.count = list.size();
  for (const Json& item : list) out.bytes += bytes_of(item);
  return out;
}

class SystemGroup final : public System {
 public:
  explicit SystemGroup(Transport& transport) : transport_(transport) {}

  net::Task<Result<void>> ping(Deadline deadline) override {
    Call call{"GET", "/_ping", "answer", deadline};
    call.limit = 4096;
    call.unversioned = true;
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return Result<void>{};
  }

  net::Task<Result<EngineVersion>> version(Deadline deadline) override {
    return transport_.ask_version(deadline);
  }

  net::Task<Result<EngineInfo>> info(Deadline deadline) override {
    Call call{"GET", "/info", "describe itself", deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return info_of(std::move(reply->body));
  }

  net::Task<Result<std::unique_ptr<Stream<Event>>>> events(EventFilter filter, Deadline opening) override {
    return open_events(transport_, std::move(filter), opening);
  }

  net::Task<Result<DiskUse>> disk_use(Deadline deadline) override {
    Call call{"GET", "/system/df", "count its disk use", deadline};
    call.limit = kListLimit;
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "count its disk use");
    if (!json) co_return std::move(json).error();
    DiskUse out;
    out.layers = size_at(*json, "LayersSize");
    auto size = [](const Json& item) { return size_at(item, "Size"); };
    auto written = [](const Json& item) { return size_at(item, "SizeRw"); };
    auto used = [&out](const Json& item) {
      const Json& bytes = at(at(item, "UsageData"), "Size");  // -1: the driver can't tell
      if (!bytes.is_number_unsigned()) return std::uint64_t{0};
      out.volume_bytes[text_at(item, "Name")] = bytes.get<std::uint64_t>();
      return bytes.get<std::uint64_t>();
    };
    out.images = sum(*json, "Images", size);
    out.containers = sum(*json, "Containers", written);
    out.volumes = sum(*json, "Volumes", used);
    out.build_cache = sum(*json, "BuildCache", size);
    co_return out;
  }

 private:
  Transport& transport_;
};

}  // namespace

bool EngineInfo::has_security_option(std::string_view name) const {
  for (const auto& option : security_options) {
    std::string_view rest = option;
    if (rest.starts_with("name=")) rest.remove_prefix(5);
    if (rest.substr(0, rest.find(',')) == name) return true;
  }
  return false;
}

std::unique_ptr<System> make_system(Transport& transport) {
  return std::make_unique<SystemGroup>(transport);
}

}  // namespace brig::docker
