// The files of skills.
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/encode.hpp"
#include "api/json/services.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

// Of strangers: nothing that a browser would run.
std::string type_of(std::string_view path) {
  if (path.ends_with(".md")) return "text/markdown; charset=utf-8";
  if (path.ends_with(".json")) return "application/json";
  return "application/octet-stream";
}

net::Task<Result<void>> send(std::shared_ptr<service::FileReader> file, Sink* sink) {
  while (true) {
    BRIG_CO_TRY(auto bytes, co_await file->next());
    if (bytes.empty()) co_return Result<void>();
    BRIG_CO_CHECK(co_await sink->write(bytes));
  }
}

}  // namespace

net::Task<Response> list_skill_files(Context* context, Request* request) {
  auto found = co_await context->services.deployed.files(*request->caller, request->path["mesh"],
                                                         request->path["name"]);
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& file : *found) out.push_back(encode(file));
  co_return json_response(200, {{"files", std::move(out)}});
}

net::Task<Response> get_skill_file(Context* context, Request* request) {
  const auto* path = request->parameter("path");
  if (!path)
    co_return problem(
        Failure{Error{Code::invalid, "which file is not said: path=SKILL.md", "api: query", false},
                400,
                "path",
                {}},
        request->id);
  auto opened = co_await context->services.deployed.open_file(*request->caller, request->path["mesh"],
                                                              request->path["name"], *path);
  if (!opened) co_return problem(opened.error(), request->id);
  std::shared_ptr<service::FileReader> file = std::move(*opened);
  Response out;
  out.type = type_of(*path);
  out.stream = [file](Sink* sink) { return send(file, sink); };
  co_return out;
}

}  // namespace brig::api
