#include <limits>
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/handlers/output_lines.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/base64.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kLineBytes = 64 * 1024;

// The longest beginning that is UTF-8, if only a character cut short comes after it; else nothing.
std::size_t utf8_prefix(std::string_view bytes) {
  for (std::size_t cut = 0; cut < 4 && cut < bytes.size(); ++cut)
    if (is_utf8(bytes.substr(0, bytes.size() - cut))) return bytes.size() - cut;
  return 0;
}

std::string output_lines(const session::Output& output) {
  std::string out;
  std::string_view bytes(reinterpret_cast<const char*>(output.bytes.data()), output.bytes.size());
  auto offset = output.offset;
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, kLineBytes);
    json line{{"stream", output.stream == session::Output::Stream::out ? "stdout" : "stderr"},
              {"offset", offset}};
    auto whole = utf8_prefix(piece);
    if (whole > 0) {
      piece = piece.substr(0, whole);
      line["data"] = piece;
    } else {
      line["data_b64"] = base64(piece);
    }
    out += dumped(line) + "\n";
    offset += piece.size();
    bytes.remove_prefix(piece.size());
  }
  return out;
}

std::string gap_line(const session::Gap& gap) {
  return dumped({{"gap", {{"from", gap.from}, {"to", gap.to}}}}) + "\n";
}

std::string end_line(const session::Outcome& outcome) {
  return dumped({{"end", {{"outcome", encode(outcome)}}}}) + "\n";
}

std::string error_line(const Error& error, const std::string& request_id) {
  return dumped({{"error", problem_json(Failure{error, 0, {}, {}}, request_id)}}) + "\n";
}

net::Task<Result<void>> write_text(Sink* sink, std::string text) {
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

}  // namespace

net::Task<Result<void>> write_output(NextEvent next, bool lines, std::string request_id, Sink* sink) {
  for (;;) {
    auto event = co_await next();
    if (!event) {
      if (!lines) co_return event.error();
      auto line = error_line(event.error(), request_id);
      co_return co_await write_text(sink, std::move(line));
    }
    if (!*event) co_return Result<void>();
    Result<void> written;
    bool ended = false;
    if (const auto* output = std::get_if<session::Output>(&**event)) {
      if (lines) {
        written = co_await write_text(sink, output_lines(*output));
      } else {
        written = co_await sink->write(output->bytes);
      }
    } else if (const auto* gap = std::get_if<session::Gap>(&**event)) {
      if (lines) written = co_await write_text(sink, gap_line(*gap));
    } else if (const auto* end = std::get_if<session::Ended>(&**event)) {
      ended = true;
      if (lines) written = co_await write_text(sink, end_line(end->outcome));
    }
    if (!written || ended) co_return written;
  }
}

net::Task<Response> get_logs(Context* context, Request* request) {
  std::optional<Failure> failure;
  session::AttachSpec spec;
  auto process = query_number(*request, "process", 1, std::numeric_limits<std::uint32_t>::max(), failure);
  spec.process = static_cast<std::uint32_t>(process.value_or(1));
  spec.follow = query_flag(*request, "follow", failure);
  query_from(*request, spec, failure);
  const auto* format = request->parameter("format");
  bool lines = format && *format == "ndjson";
  if (!failure && format && !lines && *format != "raw")
    failure = Failure{
        Error{Code::invalid, "format must be raw or ndjson, not " + brig::quoted(*format), "query", false},
        0,
        "format",
        {}};
  if (failure) co_return problem(*failure, request->id);
  auto attached = co_await context->services.sessions.attach(*request->caller, request->path["ref"], spec);
  if (!attached) co_return problem(attached.error(), request->id);
  Response out;
  out.type = lines ? "application/x-ndjson" : "application/octet-stream";
  std::shared_ptr<session::Attachment> attachment = std::move(*attached);
  NextEvent next = [attachment] { return attachment->next(); };
  out.stream = [next, lines, id = request->id](Sink* sink) { return write_output(next, lines, id, sink); };
  co_return out;
}

}  // namespace brig::api
