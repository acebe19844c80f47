// Files out of and into a sandbox, and its ports.
#include <charconv>

#include "api/attach/tunnel.hpp"
#include "api/handlers/handlers.hpp"
#include "api/handlers/receive.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "core/text.hpp"
#include "tar/reader.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMaxEarly = 64 * 1024;  // of an archive, before its first entry is known

Failure refuse(std::string field, std::string message, int status = 0) {
  return Failure{Error{Code::invalid, std::move(message), "api: files", false}, status, std::move(field), {}};
}

std::string path_of(const Request& request, std::optional<Failure>& failure) {
  const auto* path = request.parameter("path");
  if (path && path->starts_with('/')) return *path;
  if (!failure)
    failure = refuse("path", path ? "path must be absolute, not " + brig::quoted(*path)
                                  : "path is missing; name an absolute path in the sandbox");
  return {};
}

net::Task<Result<void>> send_archive(std::shared_ptr<session::Download> download, Sink* sink) {
  while (true) {
    BRIG_CO_TRY(auto bytes, co_await download->read());
    if (bytes.empty()) co_return Result<void>();
    BRIG_CO_CHECK(co_await sink->write(bytes));
  }
}

// The content of the archive's first entry, which is what was asked for.
class FirstFile final : public tar::Handler {
 public:
  bool on_entry(const tar::Entry& entry) override {
    begun = true;
    is_file = entry.kind == tar::Kind::file;
    return is_file;
  }
  bool on_data(const char* bytes, std::size_t size) override {
    content.emplace_back(bytes, size);
    return true;
  }
  bool on_entry_end() override {
    whole = true;
    return false;
  }
  void on_note(const char*, std::size_t) override {}

  bool begun = false;
  bool is_file = false;
  bool whole = false;
  std::vector<std::string_view> content;  // of the piece that was fed last
};

struct RawFile {
  std::shared_ptr<session::Download> download;
  FirstFile file;
  tar::Reader reader{file};
  std::vector<std::byte> piece;

  net::Task<Result<void>> feed() {
    file.content.clear();
    BRIG_CO_TRY(piece, co_await download->read());
    bool more = reader.feed(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (piece.empty() || (!more && reader.trouble().is_set())) {
      co_return Error{Code::protocol, "what comes out of the sandbox is no file: the archive is broken",
                      "api: files", false};
    }
    co_return Result<void>();
  }
};

net::Task<Result<void>> send_file(std::shared_ptr<RawFile> raw, Sink* sink) {
  while (true) {
    for (auto part : raw->file.content) BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(part))));
    if (raw->file.whole) co_return Result<void>();
    BRIG_CO_CHECK(co_await raw->feed());
  }
}

net::Task<Response> answer_file(Request* request, std::string path,
                                std::shared_ptr<session::Download> download) {
  auto raw = std::make_shared<RawFile>();
  raw->download = std::move(download);
  Result<void> fed;
  for (std::size_t total = 0; fed && !raw->file.begun; total += raw->piece.size()) {
    fed = co_await raw->feed();
    if (total > kMaxEarly) fed = Error{Code::protocol, "the archive does not begin", "api: files", false};
  }
  if (!fed) co_return problem(fed.error(), request->id);
  if (!raw->file.is_file) {
    Error error{Code::conflict, brig::quoted(path, 512) + " is no file; ask without raw for an archive of it",
                "api: files", false};
    co_return problem(error, request->id);
  }
  Response out;
  out.type = "application/octet-stream";
  out.stream = [raw](Sink* sink) { return send_file(raw, sink); };
  co_return out;
}

std::uint32_t mode_of(const Request& request, std::optional<Failure>& failure) {
  const auto* text = request.parameter("mode");
  if (!text) return 0644;
  std::uint32_t mode = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), mode, 8);
  bool fine = ec == std::errc() && end == text->data() + text->size() && mode <= 0777;
  if (!fine && !failure)
    failure = refuse("mode", "mode must be octal digits up to 777, such as 644, not " + brig::quoted(*text));
  return mode;
}

// An archive's parts, as bytes.
class Parts final : public tar::Sink {
 public:
  bool write(const char* bytes, std::size_t size) override {
    const auto* at = reinterpret_cast<const std::byte*>(bytes);
    all.insert(all.end(), at, at + size);
    return true;
  }
  std::vector<std::byte> all;
};

net::Task<Result<void>> receive_file(session::Upload* upload, Source* source, std::uint32_t mode,
                                     std::uint64_t size, WallTime now) {
  Parts head;
  tar::Entry entry;
  entry.name = "file";
  entry.mode = mode;
  entry.size = size;
  entry.mtime = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  write_entry(head, entry);
  BRIG_CO_CHECK(co_await upload->write(head.all));
  BRIG_CO_CHECK(co_await receive(upload, source));
  Parts tail;
  write_padding(tail, size);
  write_end(tail);
  co_return co_await upload->write(tail.all);
}

struct Tunnelling {
  std::unique_ptr<supervisor::Channel> channel;
  Limits limits;
  std::string request_id;
  metrics::Gauge* open = nullptr;
};

net::Task<void> converse(std::shared_ptr<Tunnelling> t, WebSocket* socket, Conversation* conversation) {
  struct Counted {
    metrics::Gauge& gauge;
    explicit Counted(metrics::Gauge& g) : gauge(g) { gauge.add(1); }
    ~Counted() { gauge.add(-1); }
  } counted(*t->open);
  attach::Tunnel tunnel(co_await boost::asio::this_coro::executor, *socket, std::move(t->channel), t->limits,
                        t->request_id);
  co_await tunnel.run(conversation);
}

std::uint16_t port_of(const Request& request, std::optional<Failure>& failure) {
  const auto& text = request.path.at("port");
  unsigned port = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  bool fine = ec == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
  if (!fine && !failure) failure = refuse("port", "port must be 1 to 65535, not " + brig::quoted(text));
  return static_cast<std::uint16_t>(port);
}

}  // namespace

net::Task<Response> get_files(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto path = path_of(*request, failure);
  bool raw = query_flag(*request, "raw", failure);
  if (failure) co_return problem(*failure, request->id);
  auto begun = co_await context->services.reach.download(*request->caller, request->path["ref"], path);
  if (!begun) co_return problem(begun.error(), request->id);
  std::shared_ptr<session::Download> download = std::move(*begun);
  if (raw) co_return co_await answer_file(request, std::move(path), std::move(download));
  Response out;
  out.type = "application/x-tar";
  out.stream = [download](Sink* sink) { return send_archive(download, sink); };
  co_return out;
}

net::Task<Response> put_files(Context* context, Request* request) {
  std::optional<Failure> failure;
  session::UploadSpec spec;
  spec.path = path_of(*request, failure);
  bool raw = query_flag(*request, "raw", failure);
  auto mode = mode_of(*request, failure);
  const auto* top = request->parameter("top");
  if (!failure && !raw && request->parameter("mode")) failure = refuse("mode", "mode goes with raw only");
  if (!failure && raw && top) failure = refuse("top", "top goes with an archive, not with raw");
  bool good_top =
      !top || (!top->empty() && top->size() <= 255 && top->find('/') == top->npos && *top != "..");
  if (!failure && !good_top)
    failure = refuse("top", "top must be the name of the archive's one thing, or '.'");
  if (!failure && raw && request->head.chunked)
    failure = refuse("raw", "a single file needs a Content-Length; send it with one, or as an archive", 411);
  if (failure) co_return problem(*failure, request->id);
  if (raw) {
    spec.form = session::UploadSpec::Form::put;
  } else if (top) {
    spec.form = session::UploadSpec::Form::place;
    spec.top = *top;
  }
  auto begun = co_await context->services.reach.upload(*request->caller, request->path["ref"], spec);
  if (!begun) co_return problem(begun.error(), request->id);
  auto& upload = *begun;
  Result<void> done;
  if (raw) {
    done = co_await receive_file(upload.get(), request->source, mode,
                                 request->head.content_length.value_or(0), context->services.clock.wall());
  } else {
    done = co_await receive(upload.get(), request->source);
  }
  if (done) done = co_await upload->finish();
  if (!done) co_return problem(done.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

net::Task<Response> forward_port(Context* context, Request* request) {
  auto failure = check_upgrade(request->head, attach::kPortProtocol);
  auto port = port_of(*request, failure);
  if (failure) co_return problem(*failure, request->id);
  auto channel = co_await context->services.reach.connect(*request->caller, request->path["ref"], port);
  if (!channel) co_return problem(channel.error(), request->id);
  auto t = std::make_shared<Tunnelling>();
  t->channel = std::move(*channel);
  t->limits = context->limits;
  t->request_id = request->id;
  t->open = &context->services.metrics.gauge("brig_forwards", "Connections forwarded into sandboxes");
  Response out;
  out.protocol = std::string(attach::kPortProtocol);
  out.upgrade = [t](WebSocket* socket, Conversation* conversation) {
    return converse(t, socket, conversation);
  };
  co_return out;
}

}  // namespace brig::api
