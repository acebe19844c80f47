#include "core/text.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/line_reader.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

// In use without the page cache that can be dropped at once: cgroup v1 and v2 name it differently.
std::uint64_t used_memory(const Json& memory) {
  auto usage = size_at(memory, "usage");
  const Json& detail = at(memory, "stats");
  auto cache = size_at(detail, "total_inactive_file");
  if (cache == 0) cache = size_at(detail, "inactive_file");
  return usage > cache ? usage - cache : usage;
}

Stats stats_of(const Json& json) {
  Stats out;
  out.read = time_at(json, "read").value_or(WallTime{});
  const Json& cpu = at(json, "cpu_stats");
  out.cpu_ns = size_at(at(cpu, "cpu_usage"), "total_usage");
  out.system_cpu_ns = size_at(cpu, "system_cpu_usage");
  out.cpus = static_cast<unsigned>(size_at(cpu, "online_cpus"));
  out.throttled_ns = size_at(at(cpu, "throttling_data"), "throttled_time");
  const Json& memory = at(json, "memory_stats");
  out.memory = used_memory(memory);
  out.memory_limit = size_at(memory, "limit");
  const Json& pids = at(json, "pids_stats");
  out.pids = size_at(pids, "current");
  out.pids_limit = size_at(pids, "limit");
  if (const Json& io = at(at(json, "blkio_stats"), "io_service_bytes_recursive"); io.is_array()) {
    for (const Json& entry : io) {
      std::string op = text_at(entry, "op");
      if (op == "Read" || op == "read") out.block_read += size_at(entry, "value");
      if (op == "Write" || op == "write") out.block_written += size_at(entry, "value");
    }
  }
  return out;
}

class StatsStream final : public Stream<Stats> {
 public:
  StatsStream(Transport& transport, Transfer transfer)
      : lines_(transport, std::move(transfer), "read container statistics") {}

  net::Task<Result<std::optional<Stats>>> next() override {
    auto json = co_await lines_.next();
    if (!json) co_return std::move(json).error();
    if (!*json) co_return std::optional<Stats>();
    co_return std::optional(stats_of(**json));
  }

 private:
  LineReader lines_;
};

}  // namespace

net::Task<Result<Stats>> get_stats(Transport& transport, std::string ref, Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Call call{"GET", "/containers/" + ref + "/stats?stream=false&one-shot=true",
            "read the statistics of container " + quoted(ref), deadline};
  auto reply = co_await transport.call(std::move(call));
  if (!reply) co_return std::move(reply).error();
  auto json = parse(reply->body, "read container statistics");
  if (!json) co_return std::move(json).error();
  co_return stats_of(*json);
}

net::Task<Result<std::unique_ptr<Stream<Stats>>>> open_stats(Transport& transport, std::string ref,
                                                             Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Call call{"GET", "/containers/" + ref + "/stats?stream=true",
            "read the statistics of container " + quoted(ref), deadline};
  auto transfer = co_await transport.open(std::move(call), deadline);
  if (!transfer) co_return std::move(transfer).error();
  co_return std::unique_ptr<Stream<Stats>>(
      std::make_unique<StatsStream>(transport, std::move(transfer).value()));
}

}  // namespace brig::docker
