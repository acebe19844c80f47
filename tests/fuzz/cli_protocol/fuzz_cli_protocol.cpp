// What a hostile brigd can say to `brig`: heads, bodies and WebSocket frames, whole and in pieces. The first
// byte chooses what is read and how it is cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cli/client/http.hpp"
#include "cli/client/websocket.hpp"

using namespace brig::cli;

namespace {

std::string frames(std::string_view bytes, std::size_t step) {
  FrameReader reader;
  std::string told;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view piece = bytes.substr(at, step);
    while (true) {
      auto event = reader.next(piece);
      if (!event) return told + "!";
      if (event->kind == FrameReader::Event::Kind::need_more) break;
      if (event->kind != FrameReader::Event::Kind::payload) told += static_cast<char>(event->kind);
      told += event->bytes;
    }
  }
  return told;
}

void answer(std::string_view bytes, std::size_t step) {
  auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return;
  auto head = parse_head(bytes.substr(0, end + 4));
  if (!head) return;
  auto body = BodyReader::for_head(*head);
  if (!body) return;
  std::size_t passed = 0;
  bytes.remove_prefix(end + 4);
  for (std::size_t at = 0; at < bytes.size() && !body->done(); at += step) {
    std::string_view piece = bytes.substr(at, step);
    auto fed = body->feed(piece, [&](std::string_view part) {
      passed += part.size();
      return true;
    });
    if (!fed) return;
  }
  if (passed > bytes.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::size_t step = 1 + data[0] / 3;
  if (data[0] % 3 == 0) {
    // However it is cut, it says the same.
    if (frames(bytes, step) != frames(bytes, bytes.size() + 1)) std::abort();
  } else if (data[0] % 3 == 1) {
    answer(bytes, step);
  } else {
    (void)problem_to_error(500, bytes);
  }
  return 0;
}
