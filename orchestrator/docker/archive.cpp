#include "core/base64.hpp"
#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

std::string archive_path(const std::string& ref, std::string_view path) {
  Query query("/containers/" + ref + "/archive");
  query.add("path", path);
  return std::move(query).str();
}

Result<PathStat> stat_of(const http::Headers& headers) {
  auto text = decode_base64(headers.get("x-docker-container-path-stat"));
  if (!text || text->empty()) return nonsense("it does not describe the path", "read archive");
  BRIG_TRY(Json json, parse(*text, "read archive"));
  PathStat out;
  out.name = text_at(json, "name");
  out.size = size_at(json, "size");
  out.mode = static_cast<std::uint32_t>(size_at(json, "mode"));
  out.link_target = text_at(json, "linkTarget");
  return out;
}

// An answer with no body worth reading.
class Ignore final : public Sink {
 public:
  net::Task<Result<void>> write(std::span<const std::byte>) override { co_return Result<void>{}; }
};

}  // namespace

net::Task<Result<PathStat>> stat_archive(Transport& transport, std::string ref, std::string path,
                                         Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Call call{"HEAD", archive_path(ref, path), "look at " + quoted(path) + " in container " + quoted(ref),
            deadline};
  auto reply = co_await transport.call(std::move(call));
  if (!reply) co_return std::move(reply).error();
  co_return stat_of(reply->headers);
}

net::Task<Result<PathStat>> get_archive(Transport& transport, std::string ref, std::string path, Sink& sink,
                                        Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Call call{"GET", archive_path(ref, path), "copy " + quoted(path) + " from container " + quoted(ref),
            deadline};
  auto opened = co_await transport.open(std::move(call), deadline);
  if (!opened) co_return std::move(opened).error();
  Transfer transfer = std::move(opened).value();
  auto stat = stat_of(transfer->headers());
  if (!stat) co_return std::move(stat);
  std::string piece;
  while (true) {
    auto more = co_await transfer->read(piece);
    if (!more) co_return std::move(more).error();
    if (!*more) co_return std::move(stat);
    auto written = co_await sink.write(std::as_bytes(std::span(piece)));
    if (!written) co_return std::move(written).error();
  }
}

net::Task<Result<void>> put_archive(Transport& transport, std::string ref, std::string path, Source& tar,
                                    Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Call call{"PUT", archive_path(ref, path), "copy to " + quoted(path) + " in container " + quoted(ref),
            deadline};
  call.content_type = "application/x-tar";
  Ignore ignore;
  co_return co_await transport.upload(std::move(call), tar, ignore);
}

}  // namespace brig::docker
