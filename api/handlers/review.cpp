#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/text.hpp"
#include "review/names.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

std::vector<std::string> read_paths(const Request& request) {
  std::vector<std::string> paths;
  for (const auto& [key, value] : request.query) {
    if (key == "path") paths.push_back(value);
  }
  return paths;
}

net::Task<Result<void>> write(Sink* sink, const std::string& text) {
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

// A hundred thousand changes are not first made one JSON value.
net::Task<Result<void>> write_changes(std::shared_ptr<review::Summary> summary, Sink* sink) {
  auto text = "{\"digest\":" + dumped(summary->changes.digest) + ",\"changes\":[";
  const auto& list = summary->changes.list;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto change = encode(list[i]);
    if (i < summary->lines.size()) {
      const auto& lines = summary->lines[i];
      change["lines"] = {{"added", lines.added}, {"deleted", lines.deleted}, {"binary", lines.binary}};
    }
    text += (i == 0 ? "" : ",") + dumped(change);
    if (text.size() < kPiece) continue;
    BRIG_CO_CHECK(co_await write(sink, text));
    text.clear();
  }
  text += "]}";
  co_return co_await write(sink, text);
}

net::Task<Result<void>> write_patches(std::shared_ptr<review::Patches> patches, std::string first,
                                      Sink* sink) {
  BRIG_CO_CHECK(co_await write(sink, first));
  while (true) {
    BRIG_CO_TRY(auto piece, co_await patches->next());
    if (!piece) co_return Result<void>();
    BRIG_CO_CHECK(co_await write(sink, *piece));
  }
}

// What stood in the way beside the problem, so that a program can ask about each.
Response refusal(const review::Report& report, std::string_view what, const std::string& request_id) {
  bool conflicts = !report.conflicts.empty();
  auto count = report.conflicts.size() + report.concerns.size();
  const auto& first = conflicts ? report.conflicts[0] : report.concerns[0];
  Failure failure;
  failure.error =
      Error{conflicts ? Code::conflict : Code::denied,
            "nothing was " + std::string(what) + ": " + brig::quoted(review::spelled(first.path), 200) +
                ": " + first.reason + (count > 1 ? ", and " + std::to_string(count - 1) + " more" : "") +
                (conflicts ? "; name each in `overwrite` or `skip`" : "; name each in `allow` or `skip`"),
            "review", false};
  auto out = problem(failure, request_id);
  auto body = problem_json(failure, request_id);
  body["conflicts"] = encode_all(report.conflicts);
  body["concerns"] = encode_all(report.concerns);
  out.body = dumped(body);
  return out;
}

Response done(const review::Report& report) {
  auto changes = nlohmann::json::array();
  for (const auto& change : report.done)
    changes.push_back({{"path", review::spelled(change.path)}, {"kind", review::to_string(change.kind)}});
  return json_response(200, {{"changes", std::move(changes)}});
}

}  // namespace

net::Task<Response> list_changes(Context* context, Request* request) {
  std::optional<Failure> failure;
  bool lines = query_flag(*request, "lines", failure);
  if (failure) co_return problem(*failure, request->id);
  auto found = co_await context->services.reviews.changes(*request->caller, request->path["ref"],
                                                          read_paths(*request), lines);
  if (!found) co_return problem(found.error(), request->id);
  auto summary = std::make_shared<review::Summary>(std::move(*found));
  Response out;
  out.stream = [summary](Sink* sink) { return write_changes(summary, sink); };
  co_return out;
}

net::Task<Response> get_patch(Context* context, Request* request) {
  auto found =
      co_await context->services.reviews.patch(*request->caller, request->path["ref"], read_paths(*request));
  if (!found) co_return problem(found.error(), request->id);
  std::shared_ptr<review::Patches> patches = std::move(*found);
  // What goes wrong at once can still be told as a problem.
  auto first = co_await patches->next();
  if (!first) co_return problem(first.error(), request->id);
  Response out;
  out.type = "text/x-diff";
  if (*first) {
    out.stream = [patches, text = **first](Sink* sink) { return write_patches(patches, text, sink); };
  }
  co_return out;
}

net::Task<Response> apply_changes(Context* context, Request* request) {
  Body body(request->body, true);
  auto spec = decode_apply(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto report =
      co_await context->services.reviews.apply(*request->caller, request->path["ref"], std::move(spec));
  if (!report) co_return problem(report.error(), request->id);
  co_return report->refused() ? refusal(*report, "applied", request->id) : done(*report);
}

net::Task<Response> undo_changes(Context* context, Request* request) {
  Body body(request->body, true);
  auto skip = decode_undo(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto report =
      co_await context->services.reviews.undo(*request->caller, request->path["ref"], std::move(skip));
  if (!report) co_return problem(report.error(), request->id);
  co_return report->refused() ? refusal(*report, "undone", request->id) : done(*report);
}

}  // namespace brig::api
