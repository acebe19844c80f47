// What hostile programs inside say to the proxy and the resolver: heads, bodies, SOCKS and DNS, over any
// bytes.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "init_egress/dns.hpp"
#include "init_egress/http.hpp"
#include "init_egress/http_body.hpp"
#include "init_egress/refusal.hpp"
#include "init_egress/socks.hpp"

namespace {

using namespace brig::init::egress;

void expect(bool fine) {
  if (!fine) std::abort();
}

// What is rewritten is one request, and reads as one: no field can bring in another.
void check_head(std::string_view in) {
  Head head;
  const char* why = nullptr;
  Reading reading = read_head(in, head, why);
  expect((reading == Reading::bad) == (why != nullptr));
  if (reading != Reading::whole) return;
  expect(head.size <= in.size() && head.port != 0 && !head.host.empty() && head.host.size() <= 255);
  if (head.connect) return;
  std::vector<char> out(3 * kMaxHead);
  std::size_t size = rewrite_head(in, head, out);
  expect(size > 0);
  std::string_view written(out.data(), size);
  expect(written.find("\r\n\r\n") == size - 4);
  // Read as a proxy would if the target were absolute again.
  std::size_t space = written.find(' ');
  std::string again = std::string(written.substr(0, space)) + " http://" + std::string(head.authority);
  std::string_view rest = written.substr(space + 1);
  if (rest.starts_with("* ")) rest.remove_prefix(1);
  again += rest;
  // What was written in addition may be too much for one who has the same limits.
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = again.find("\r\n", at)) != std::string::npos; at += 2) ++lines;
  if (again.size() > kMaxHead || lines > kMaxFields + 2) return;
  Head second;
  expect(read_head(again, second, why) == Reading::whole);
  expect(second.host == head.host && second.port == head.port && second.body == head.body &&
         second.length == head.length);
}

// However it is cut, a body ends at the same byte.
void check_body(std::string_view in, std::size_t step) {
  auto size_in = [&](std::size_t piece_size) {
    BodyMeter meter;
    meter.begin(Body::chunked, 0);
    std::size_t size = 0;
    auto text = in;
    while (!text.empty() && !meter.done()) {
      auto piece = text.substr(0, piece_size);
      std::size_t taken = meter.take(piece);
      expect(taken <= piece.size());
      meter.advance(piece.substr(0, taken));
      size += taken;
      text.remove_prefix(taken);
      if (taken < piece.size()) break;
    }
    return size;
  };
  expect(size_in(in.size() + 1) == size_in(step));
}

void check_dns(std::string_view in, bool refused) {
  auto packet = std::as_bytes(std::span(in.data(), in.size()));
  Query query;
  read_query(packet, query);
  if (query.verdict == Query::Verdict::ignore) return;
  expect(query.question >= 12 && query.question <= packet.size() && query.name_size <= kMaxName);
  if (query.verdict == Query::Verdict::fine) expect(query.question >= 17);
  std::string text(refused ? 1000 : 0, 't');
  std::uint32_t address = 0;
  Answer answer;
  answer.has_ipv4 = !refused;
  answer.text = text;
  answer.error_code = refused ? 15 : 0;
  answer.error_text = text;
  answer.pointer = read_reverse(query.host(), address) ? "a.example" : "";
  std::byte out[kMaxAnswer];
  std::size_t size = write_answer(packet, query, answer, query.room, out);
  expect(size >= query.question && size <= query.room);
  expect(out[0] == packet[0] && out[1] == packet[1] && (out[2] & std::byte{0x80}) != std::byte{0});
}

void check_socks(std::string_view in) {
  std::size_t size = 0;
  bool acceptable = false;
  if (read_socks_greeting(in, size, acceptable) == Reading::whole) expect(size <= in.size());
  char address[kAddressText];
  SocksRequest request;
  Reading reading = read_socks_request(in, address, request);
  if (reading == Reading::whole) {
    expect(request.size <= in.size() && request.port != 0 && !request.host.empty() &&
           request.host.size() <= 255);
  }
  expect((reading == Reading::bad) == (request.failure != 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 5) {
    case 0:
      check_head(in);
      break;
    case 1:
      check_body(in, data[1] + 1u);
      break;
    case 2:
      check_dns(in, (data[1] & 1) != 0);
      break;
    case 3:
      check_socks(in);
      break;
    default: {
      char out[2048];
      auto text = http_refusal(static_cast<brig::egress_wire::Status>(data[1] % 10), in, out);
      expect(text.substr(0, 9) == "HTTP/1.1 ");
    }
  }
  return 0;
}
