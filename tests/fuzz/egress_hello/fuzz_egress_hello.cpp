// First bytes of clients and answers of proxies: whatever they are, reading ends; more bytes never change
// what was decided from fewer; and nothing passes for a.test that names something else.
#include <cstdint>
#include <cstdlib>

#include "egress/hello.hpp"
#include "egress/presets.hpp"
#include "egress/upstream.hpp"

using namespace brig::egress;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto whole = read_hello(bytes);
  auto part = read_hello(bytes.substr(0, size / 2));
  if (part.is == Hello::Is::tls && (whole.is != Hello::Is::tls || whole.host != part.host)) std::abort();
  if (part.is == Hello::Is::http && (whole.is != Hello::Is::http || whole.host != part.host)) std::abort();
  if (whole.is == Hello::Is::more && size > kMaxHello + 8) std::abort();
  if (whole.is != Hello::Is::more) {
    Rules none;
    Target target{Host{"a.test", {}}, 443};
    bool passes = disagreement(whole, none, target).empty();
    if (passes && (!whole.host || bytes.find_first_of("aA") == std::string_view::npos)) std::abort();
  }
  std::size_t head = 0;
  if (auto answer = read_connect_answer(bytes, head); answer && *answer && head > size) std::abort();
  for (const auto& rule : rules_of_urls(bytes))
    if (!read_rule(to_string(rule, Verb::allow), Verb::allow)) std::abort();
  return 0;
}
