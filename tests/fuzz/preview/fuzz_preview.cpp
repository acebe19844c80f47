// Heads that pass between a browser and a page inside: whatever either says, nothing of Brig's goes in,
// nothing that speaks for more than the page comes out, and no line is made that the other did not send. The
// first byte chooses the direction.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/http/parser.hpp"
#include "api/preview/heads.hpp"

using namespace brig::api;
using namespace brig::api::preview;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

bool has_line(const std::string& text, std::string_view begin) {
  std::string low;
  for (char c : text) low += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return low.find("\r\n" + std::string(begin)) != std::string::npos;
}

// No line end that is not one: neither bare ones nor an empty line before the end.
void expect_one_head(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') expect(i > 0 && text[i - 1] == '\r');
    if (text[i] == '\r') expect(i + 1 < text.size() && text[i + 1] == '\n');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Place place{"http://0a.localhost:7", "0a.localhost:7", 3000};
  if (data[0] % 2 == 0) {
    RequestParser parser(kMaxHead);
    std::optional<Failure> failure;
    if (parser.read_head(text, failure) == 0 || failure) return 0;
    auto head = parser.head();
    (void)take_token(head.target);
    (void)cookies_of(head);
    (void)is_from_elsewhere(head, place);
    auto out = request_head(head, place);
    expect_one_head(out);
    expect(out.find("\r\n\r\n") == out.size() - 4);
    for (auto name : {"brig-preview-token:", "proxy-", "te:", "referer:", "x-forwarded-for:"})
      expect(!has_line(out, name));
    expect(!(has_line(out, "transfer-encoding:") && has_line(out, "content-length:")));
  } else {
    auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    Answer answer;
    if (read_answer(text.substr(0, end + 4), place, data[0] % 4 == 1, answer)) return 0;
    auto out = answer_head(answer);
    expect_one_head(out);
    expect(out.find("\r\n\r\n") == std::string::npos);
    for (auto name : {"strict-transport-security:", "alt-svc:", "connection:", "transfer-encoding:",
                      "content-length:", "set-cookie: brig-preview="})
      expect(!has_line(out, name));
  }
  return 0;
}
