// Hosts, targets and rules out of any bytes: reading ends, what is accepted is in its one normal form, and an
// address in whatever spelling is never taken for a name.
#include <arpa/inet.h>
#include <netdb.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/egress/decide.hpp"

using namespace brig::egress;

namespace {

void check_host(std::string_view text) {
  auto host = read_host(text);
  if (!host) return;
  auto again = read_host(to_string(*host));
  if (!again || *again != *host) std::abort();
  // The C library's own reader of addresses must not find one in a name.
  in_addr v4{};
  unsigned char v6[16];
  if (!host->address &&
      (::inet_aton(host->name.c_str(), &v4) != 0 || ::inet_pton(AF_INET6, host->name.c_str(), v6) == 1))
    std::abort();
}

void check_rule(std::string_view text, Verb verb) {
  auto rule = read_rule(text, verb);
  if (!rule) return;
  auto again = read_rule(to_string(*rule, verb), verb);
  if (!again || *again != *rule) std::abort();
  if (!covers(*rule, *rule) || meet(*rule, *rule) != *rule) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      check_host(text);
      break;
    case 1:
      check_rule(text, Verb::allow);
      break;
    case 2:
      check_rule(text, Verb::deny);
      break;
    default:
      if (auto target = read_target(text)) {
        auto again = read_target(to_string(target->host, target->port));
        if (!again || *again != *target) std::abort();
      }
  }
  return 0;
}
