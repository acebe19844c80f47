#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/frames.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

constexpr std::string_view kMultiplexed = "application/vnd.docker.multiplexed-stream";

class LogStream final : public Stream<Chunk> {
 public:
  LogStream(Transfer transfer, bool frames) : transfer_(std::move(transfer)), frames_(frames) {}

  net::Task<Result<std::optional<Chunk>>> next() override {
    while (true) {
      if (frames_) {
        auto chunk = decoder_.next();
        if (!chunk || *chunk) co_return std::move(chunk);
      }
      auto more = co_await transfer_->read(piece_);
      if (!more) co_return std::move(more).error();
      if (!*more) {
        if (!decoder_.at_boundary()) co_return nonsense("it ends in the middle of a frame", "read logs");
        co_return std::optional<Chunk>();
      }
      if (!frames_) co_return std::optional(Chunk{Chunk::Channel::out, std::as_bytes(std::span(piece_))});
      decoder_.feed(piece_);
    }
  }

 private:
  Transfer transfer_;
  std::string piece_;
  FrameDecoder decoder_;
  bool frames_;
};

}  // namespace

net::Task<Result<bool>> asks_for_frames(Transport& transport, std::string ref, std::string_view content_type,
                                        Deadline deadline) {
  auto spoken = co_await transport.agree(deadline);
  if (!spoken) co_return std::move(spoken).error();
  if (*spoken >= ApiVersion{1, 42}) co_return content_type.starts_with(kMultiplexed);
  Call call{"GET", "/containers/" + ref + "/json", "inspect container " + quoted(ref), deadline};
  auto reply = co_await transport.call(std::move(call));
  if (!reply) co_return std::move(reply).error();
  auto json = parse(reply->body, "inspect container");
  if (!json) co_return std::move(json).error();
  co_return !bool_at(at(*json, "Config"), "Tty");
}

net::Task<Result<std::unique_ptr<Stream<Chunk>>>> open_logs(Transport& transport, std::string ref,
                                                            LogOptions options, Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Query query("/containers/" + ref + "/logs");
  query.flag("stdout", options.out)
      .flag("stderr", options.err)
      .flag("follow", options.follow)
      .flag("timestamps", options.timestamps);
  if (options.tail) query.add("tail", std::to_string(*options.tail));
  if (options.since) {
    auto ms = options.since->time_since_epoch().count();
    std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    query.add("since", std::to_string(ms / 1000) + "." + fraction);
  }
  Call call{"GET", std::move(query).str(), "read the logs of container " + quoted(ref), deadline};
  auto transfer = co_await transport.open(std::move(call), deadline);
  if (!transfer) co_return std::move(transfer).error();
  std::string type((*transfer)->headers().get("content-type"));
  auto frames = co_await asks_for_frames(transport, ref, type, deadline);
  if (!frames) co_return std::move(frames).error();
  co_return std::unique_ptr<Stream<Chunk>>(std::make_unique<LogStream>(std::move(transfer).value(), *frames));
}

}  // namespace brig::docker
