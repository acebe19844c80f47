// Requests from a sandbox on their way to a host with a credential. Whatever they are: what is written is one
// request, to that host, with each secret exactly once and in its place, and it reads back as what was read.
// And answers: no secret comes through in their heads.
#include <cstdint>
#include <cstdlib>

#include "egress/strays.hpp"

using namespace brig;
using namespace brig::egress;

namespace {

void must(bool good) {
  if (!good) std::abort();
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t out = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size()) ++out;
  return out;
}

Entrusted entrusted(CredentialText text) {
  text.host = "api.test";
  text.value = "$vault:KEY";
  Entrusted out;
  must(!read_credential(text, out.rule));
  out.placeholder = "brig-placeholder-00112233445566778899aabbccddeeff";
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kSecret = "S3cret-ZYXWVUT";
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.find("ZYXWVUT") != std::string_view::npos) return 0;  // it cannot know it
  static const std::vector<Entrusted> all = [] {
    CredentialText header, query;
    header.header = "x-api-key";
    header.shape = "Key {}";
    query.query = "key";
    return std::vector<Entrusted>{entrusted(header), entrusted(query)};
  }();
  static const Target target = *read_target("api.test:443");
  std::vector<Injected> injected;
  for (const auto& one : all) {
    Injected in;
    in.held = &one;
    in.as_sent = as_sent(one.rule, Secret(kSecret));
    injected.push_back(std::move(in));
  }
  RequestHead head;
  std::string why;
  auto is = read_request_head(bytes, head, why);
  (void)StraySearch(all, target).next(bytes);
  if (is == HeadIs::bad) must(!why.empty());
  if (is == HeadIs::whole) {
    Wiped out(room_for(head, injected));
    write_request(head, target, injected, out);
    must(count(out.view(), kSecret) == 2);
    must(count(out.view(), "\r\n\r\n") == 1 && out.view().ends_with("\r\n\r\n"));
    RequestHead again;
    must(read_request_head(out.view(), again, why) == HeadIs::whole);
    must(again.size == out.view().size() && again.method == head.method && again.host == "api.test");
    must(again.framing == head.framing && again.length == head.length && again.websocket == head.websocket);
    std::size_t keys = 0;
    for (const auto& field : again.fields)
      if (same_name(field.name, "x-api-key")) {
        ++keys;
        must(field.value == "Key S3cret-ZYXWVUT");
      }
    must(keys == 1);
  }
  RequestHead asked;
  must(read_request_head("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n", asked, why) == HeadIs::whole);
  // A server that repeats it somewhere.
  std::string echoed(bytes);
  echoed.insert(size / 2, kSecret);
  ResponseHead answer;
  if (read_response_head(echoed, asked, answer, why) == HeadIs::whole) {
    auto out = write_response(answer, asked, injected);
    must(out.find(kSecret) == std::string::npos);
    ResponseHead again;
    must(read_response_head(out, asked, again, why) == HeadIs::whole && again.size == out.size());
    must(again.framing == answer.framing && again.length == answer.length);
  }
  return 0;
}
