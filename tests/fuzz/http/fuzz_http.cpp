// What a hostile client can say to the API: requests whole and in pieces, targets, bodies, and the messages
// of an attached one. The first byte chooses what is read, the second how it is cut.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "api/attach/messages.hpp"
#include "api/http/body.hpp"
#include "api/http/parser.hpp"
#include "api/http/target.hpp"
#include "api/json/decode.hpp"

using namespace brig;
using namespace brig::api;

namespace {

constexpr std::size_t kHeadLimit = 4096, kBodyLimit = 8192;

void expect(bool fine) {
  if (!fine) std::abort();
}

struct Reading {
  std::string told;  // the head, the body, or what was wrong
  std::string head, body;
  bool whole = false;
  std::size_t size = 0;  // of the request, once it is whole
};

// As a connection reads: what has come is looked at again with every piece.
Reading read(std::string_view bytes, std::size_t step) {
  RequestParser parser(kHeadLimit);
  std::optional<Failure> failure;
  Reading out;
  std::string buffer;
  std::size_t consumed = 0;
  bool in_body = false;
  while (true) {
    if (!in_body && !buffer.empty()) {
      if (auto size = parser.read_head(buffer, failure)) {
        expect(size <= buffer.size() && size <= kHeadLimit);
        in_body = true;
        consumed += size;
        buffer.erase(0, size);
        const auto& head = parser.head();
        expect(head.count("Host") == 1 && !(head.chunked && head.content_length));
        out.head = head.method + " " + head.target;
        for (const auto& [name, value] : head.headers) {
          expect(value.find_first_of(std::string("\0\r\n", 3)) == std::string::npos);
          out.head += "\n" + name + ": " + value;
        }
      }
    }
    if (in_body && !failure) {
      auto size = parser.read_body(buffer, kBodyLimit, failure);
      expect(size <= buffer.size());
      consumed += size;
      buffer.erase(0, size);
    }
    if (failure) {
      expect(failure->status >= 400 && !failure->error.message.empty());
      out.told = std::to_string(failure->status);
      return out;
    }
    if (in_body && parser.done()) break;
    if (bytes.empty()) return out;
    buffer += bytes.substr(0, step);
    bytes.remove_prefix(std::min(step, bytes.size()));
  }
  out.whole = true;
  out.size = consumed;
  out.body = parser.take_body();
  expect(out.body.size() <= kBodyLimit);
  return out;
}

// However it is cut, it is the same request of the same length, or none.
void check_request(std::string_view bytes, std::size_t step) {
  auto whole = read(bytes, bytes.size() + 1), cut = read(bytes, step);
  expect(whole.whole == cut.whole);
  if (!whole.whole) return;
  expect(whole.head == cut.head && whole.body == cut.body && whole.size == cut.size);
  Target target;
  if (parse_target(whole.head.substr(whole.head.find(' ') + 1), target)) return;
  for (const auto& segment : target.segments)
    expect(!segment.empty() && segment != "." && segment != ".." && segment.find('/') == std::string::npos &&
           segment.find('\0') == std::string::npos);
}

// Two readers of one chunked body agree on where it ends and what it says.
void check_body(std::string_view bytes, std::size_t step) {
  auto decode = [&](std::size_t size_of_piece, std::string& content, std::size_t& size) {
    auto decoder = BodyDecoder::chunked();
    for (auto rest = bytes; !rest.empty() && !decoder.done() && !decoder.failed();) {
      auto piece = rest.substr(0, size_of_piece);
      auto left = piece;
      while (!left.empty() && !decoder.done() && !decoder.failed()) content += decoder.next(left);
      size += piece.size() - left.size();
      rest.remove_prefix(piece.size() - left.size());
    }
    return decoder.done();
  };
  std::string whole, cut;
  std::size_t whole_size = 0, cut_size = 0;
  bool done = decode(bytes.size() + 1, whole, whole_size);
  expect(decode(step, cut, cut_size) == done && whole == cut);
  if (!done) return;
  expect(whole_size == cut_size);
  auto request =
      read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(bytes), 64);
  if (request.whole) expect(request.body == whole);
}

void check_message(std::string_view bytes, bool text) {
  if (text) {
    auto control = attach::decode_control(bytes);
    if (!control) expect(!control.error().message.empty());
    return;
  }
  auto input = attach::decode_input(std::as_bytes(std::span(bytes.data(), bytes.size())));
  if (!input) return;
  expect(input->bytes.size() <= attach::kMaxInput && input->offset + input->bytes.size() >= input->offset);
}

void check_json(std::string_view text, unsigned which) {
  Body body(text, (which & 1) != 0);
  switch (which / 2 % 12) {
    case 0:
      (void)decode_create(body);
      break;
    case 1:
      (void)decode_exec(body);
      break;
    case 2:
      (void)decode_stop(body);
      break;
    case 3:
      (void)decode_checkpoint(body);
      break;
    case 4:
      (void)decode_restore(body);
      break;
    case 5:
      (void)decode_fork(body);
      break;
    case 6:
      (void)decode_signal(body);
      break;
    case 7:
      (void)decode_explain(body);
      break;
    case 8:
      (void)decode_token(body);
      break;
    case 9:
      (void)decode_identity(body);
      break;
    case 10:
      (void)decode_apply(body);
      break;
    default:
      (void)decode_undo(body);
  }
  if (body.failure()) expect(!body.failure()->error.message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::size_t step = data[1] + 1u;
  switch (data[0] % 5) {
    case 0:
      check_request(bytes, step);
      break;
    case 1:
      check_body(bytes, step);
      break;
    case 2:
      check_message(bytes, false);
      break;
    case 3:
      check_message(bytes, true);
      break;
    default:
      check_json(bytes, data[1]);
  }
  return 0;
}
