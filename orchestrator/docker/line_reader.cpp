#include "docker/line_reader.hpp"

namespace brig::docker {
namespace {

Result<std::optional<Json>> parsed(std::string_view line, const std::string& what) {
  BRIG_TRY(Json json, parse(line, what));
  return std::optional<Json>(std::move(json));
}

}  // namespace

net::Task<Result<std::optional<Json>>> LineReader::next() {
  while (true) {
    auto line = lines_.next();
    if (!line) co_return std::move(line).error();
    if (*line) co_return parsed(**line, what_);
    if (ended_) co_return std::optional<Json>();
    auto more = co_await transfer_->read(piece_);
    if (!more) {
      transport_.note(more.error());
      co_return std::move(more).error();
    }
    if (*more) {
      lines_.feed(piece_);
    } else {
      ended_ = true;
      lines_.feed("\n");  // the last line may lack its end
    }
  }
}

}  // namespace brig::docker
