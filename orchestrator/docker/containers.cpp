#include "docker/containers.hpp"

#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

ContainerStatus status_of(std::string_view text) {
  static constexpr std::pair<std::string_view, ContainerStatus> kAll[] = {
      {"created", ContainerStatus::created},   {"running", ContainerStatus::running},
      {"paused", ContainerStatus::paused},     {"restarting", ContainerStatus::restarting},
      {"removing", ContainerStatus::removing}, {"exited", ContainerStatus::exited},
      {"dead", ContainerStatus::dead},
  };
  for (const auto& [name, status] : kAll) {
    if (text == name) return status;
  }
  return ContainerStatus::unknown;
}

std::string bare_name(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

ContainerState state_of(const Json& json) {
  ContainerState out;
  out.status = status_of(text_at(json, "Status"));
  out.running = bool_at(json, "Running");
  out.paused = bool_at(json, "Paused");
  out.oom_killed = bool_at(json, "OOMKilled");
  out.pid = int_at(json, "Pid");
  out.exit_code = static_cast<int>(int_at(json, "ExitCode"));
  out.error = printable(text_at(json, "Error"), 1024);
  out.started = time_at(json, "StartedAt");
  out.finished = time_at(json, "FinishedAt");
  return out;
}

std::vector<ContainerMount> mounts_of(const Json& json) {
  std::vector<ContainerMount> out;
  const Json& mounts = at(json, "Mounts");
  if (!mounts.is_array()) return out;
  for (const Json& m : mounts) {
    out.push_back({text_at(m, "Type"), text_at(m, "Name"), text_at(m, "Source"), text_at(m, "Destination"),
                   text_at(m, "Driver"), text_at(m, "Propagation"), bool_at(m, "RW")});
  }
  return out;
}

Result<ContainerInfo> info_of(std::string body) {
  BRIG_TRY(Json json, parse(body, "inspect container"));
  ContainerInfo out;
  out.id = ContainerId(text_at(json, "Id"));
  if (out.id.empty()) return nonsense("it has no Id", "inspect container");
  out.name = bare_name(text_at(json, "Name"));
  out.image = ImageId(text_at(json, "Image"));
  out.created = time_at(json, "Created").value_or(WallTime{});
  out.state = state_of(at(json, "State"));
  const Json& config = at(json, "Config");
  out.image_name = text_at(config, "Image");
  out.labels = map_at(config, "Labels");
  out.tty = bool_at(config, "Tty");
  out.runtime = text_at(at(json, "HostConfig"), "Runtime");
  out.mounts = mounts_of(json);
  out.raw = std::move(body);
  return out;
}

ContainerSummary summary_of(const Json& json) {
  ContainerSummary out;
  out.id = ContainerId(text_at(json, "Id"));
  // Links give a container further names, of the form /other/alias.
  for (auto& name : texts_at(json, "Names")) {
    if (out.name.empty() || name.find('/', 1) == name.npos) out.name = bare_name(std::move(name));
  }
  out.image = ImageId(text_at(json, "ImageID"));
  out.image_name = text_at(json, "Image");
  out.status = status_of(text_at(json, "State"));
  out.created = unix_time_at(json, "Created").value_or(WallTime{});
  out.labels = map_at(json, "Labels");
  out.mounts = mounts_of(json);
  return out;
}

std::vector<std::string> printable_all(std::vector<std::string> texts) {
  for (auto& t : texts) t = printable(t, 512);
  return texts;
}

class ContainersGroup final : public Containers {
 public:
  explicit ContainersGroup(Transport& transport) : transport_(transport) {}

  net::Task<Result<Created>> create(CreateOptions options, Deadline deadline) override {
    if (!options.name.empty()) BRIG_CO_CHECK(check_ref("container", options.name));
    Query query("/containers/create");
    query.some("name", options.name).some("platform", options.platform);
    Call call{"POST", std::move(query).str(), "create container " + quoted(options.name), deadline,
              std::move(options.body)};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "create container");
    if (!json) co_return std::move(json).error();
    Created out{ContainerId(text_at(*json, "Id")), printable_all(texts_at(*json, "Warnings"))};
    if (out.id.empty()) co_return nonsense("it has no Id", "create container");
    co_return out;
  }

  net::Task<Result<Change>> start(std::string ref, Deadline deadline) override {
    return change("start", "start", std::move(ref), {}, deadline);
  }

  net::Task<Result<Change>> stop(std::string ref, Millis grace, Deadline deadline) override {
    auto seconds = std::max<Millis::rep>((grace.count() + 999) / 1000, 0);
    return change("stop?t=" + std::to_string(seconds), "stop", std::move(ref), {}, deadline);
  }

  net::Task<Result<void>> kill(std::string ref, std::string signal, Deadline deadline) override {
    return change_or_fail("kill?signal=" + escape(signal), "kill", std::move(ref), deadline);
  }

  net::Task<Result<void>> pause(std::string ref, Deadline deadline) override {
    return change_or_fail("pause", "pause", std::move(ref), deadline);
  }

  net::Task<Result<void>> unpause(std::string ref, Deadline deadline) override {
    return change_or_fail("unpause", "unpause", std::move(ref), deadline);
  }

  net::Task<Result<std::vector<std::string>>> update(std::string ref, std::string body,
                                                     Deadline deadline) override {
    auto reply = co_await on("POST", "update", "update", std::move(ref), std::move(body), deadline);
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "update container");
    if (!json) co_return std::move(json).error();
    co_return printable_all(texts_at(*json, "Warnings"));
  }

  net::Task<Result<ContainerInfo>> inspect(std::string ref, Deadline deadline) override {
    auto reply = co_await on("GET", "json", "inspect", std::move(ref), {}, deadline);
    if (!reply) co_return std::move(reply).error();
    co_return info_of(std::move(reply->body));
  }

  net::Task<Result<std::vector<ContainerSummary>>> list(ContainerFilter filter, Deadline deadline) override {
    Query query("/containers/json");
    query.flag("all", filter.all)
        .filters({{"label", filter.labels}, {"name", filter.names}, {"status", filter.statuses}});
    Call call{"GET", std::move(query).str(), "list containers", deadline};
    call.limit = kListLimit;
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "list containers");
    if (!json) co_return std::move(json).error();
    if (!json->is_array()) co_return nonsense("it is no list", "list containers");
    std::vector<ContainerSummary> out;
    for (const Json& item : *json) {
      if (auto summary = summary_of(item); !summary.id.empty()) out.push_back(std::move(summary));
    }
    co_return out;
  }

  net::Task<Result<Top>> top(std::string ref, std::string ps_args, Deadline deadline) override {
    std::string verb = ps_args.empty() ? "top" : "top?ps_args=" + escape(ps_args);
    auto reply = co_await on("GET", std::move(verb), "list the processes of", std::move(ref), {}, deadline);
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "top");
    if (!json) co_return std::move(json).error();
    Top out{printable_all(texts_at(*json, "Titles")), {}};
    if (const Json& rows = at(*json, "Processes"); rows.is_array()) {
      for (const Json& row : rows) {
        std::vector<std::string> cells;
        if (!row.is_array()) continue;
        for (const Json& cell : row)
          cells.push_back(cell.is_string() ? printable(cell.get<std::string>(), 4096) : "");
        out.rows.push_back(std::move(cells));
      }
    }
    co_return out;
  }

  net::Task<Result<void>> remove(std::string ref, RemoveOptions options, Deadline deadline) override {
    BRIG_CO_CHECK(check_ref("container", ref));
    Query query("/containers/" + ref);
    query.flag("force", options.force).flag("v", options.volumes);
    Call call{"DELETE", std::move(query).str(), "remove container " + quoted(ref), deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return Result<void>{};
  }

  net::Task<Result<std::unique_ptr<ExitWait>>> wait(std::string ref, WaitFor what,
                                                    Deadline deadline) override {
    return start_wait(transport_, std::move(ref), what, deadline);
  }
  net::Task<Result<Stats>> stats(std::string ref, Deadline deadline) override {
    return get_stats(transport_, std::move(ref), deadline);
  }
  net::Task<Result<std::unique_ptr<Stream<Stats>>>> stats_stream(std::string ref,
                                                                 Deadline deadline) override {
    return open_stats(transport_, std::move(ref), deadline);
  }
  net::Task<Result<std::unique_ptr<Stream<Chunk>>>> logs(std::string ref, LogOptions options,
                                                         Deadline deadline) override {
    return open_logs(transport_, std::move(ref), options, deadline);
  }
  net::Task<Result<std::unique_ptr<Attachment>>> attach(std::string ref, AttachOptions options,
                                                        Deadline deadline) override {
    return open_attachment(transport_, std::move(ref), options, deadline);
  }
  net::Task<Result<PathStat>> archive_stat(std::string ref, std::string path, Deadline deadline) override {
    return stat_archive(transport_, std::move(ref), std::move(path), deadline);
  }
  net::Task<Result<PathStat>> archive_get(std::string ref, std::string path, Sink& sink,
                                          Deadline deadline) override {
    return get_archive(transport_, std::move(ref), std::move(path), sink, deadline);
  }
  net::Task<Result<void>> archive_put(std::string ref, std::string path, Source& tar,
                                      Deadline deadline) override {
    return put_archive(transport_, std::move(ref), std::move(path), tar, deadline);
  }

 private:
  // A call on one container; `verb` may carry a query.
  net::Task<Result<http::Reply>> on(const char* method, std::string verb, std::string_view what,
                                    std::string ref, std::string body, Deadline deadline) {
    BRIG_CO_CHECK(check_ref("container", ref));
    Call call{method, "/containers/" + ref + "/" + verb, std::string(what) + " container " + quoted(ref),
              deadline, std::move(body)};
    co_return co_await transport_.call(std::move(call));
  }

  net::Task<Result<Change>> change(std::string verb, std::string_view what, std::string ref, std::string body,
                                   Deadline deadline) {
    auto reply = co_await on("POST", std::move(verb), what, std::move(ref), std::move(body), deadline);
    if (!reply) co_return std::move(reply).error();
    co_return reply->status == 304 ? Change::already : Change::done;
  }

  net::Task<Result<void>> change_or_fail(std::string verb, std::string_view what, std::string ref,
                                         Deadline deadline) {
    auto changed = co_await change(std::move(verb), what, std::move(ref), {}, deadline);
    if (!changed) co_return std::move(changed).error();
    co_return Result<void>{};
  }

  Transport& transport_;
};

}  // namespace

std::string_view to_string(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::created:
      return "created";
    case ContainerStatus::running:
      return "running";
    case ContainerStatus::paused:
      return "paused";
    case ContainerStatus::restarting:
      return "restarting";
    case ContainerStatus::removing:
      return "removing";
    case ContainerStatus::exited:
      return "exited";
    case ContainerStatus::dead:
      return "dead";
    case ContainerStatus::unknown:
      return "unknown";
  }
  return "unknown";
}

std::unique_ptr<Containers> make_containers(Transport& transport) {
  return std::make_unique<ContainersGroup>(transport);
}

}  // namespace brig::docker
