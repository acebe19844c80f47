#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/egress/decide.hpp"

namespace brig::egress {
namespace {

using namespace rc;

Address any_address() {
  Address out;
  out.v4 = *gen::arbitrary<bool>();
  auto n = out.v4 ? 4u : 16u;
  for (unsigned i = 0; i < n; ++i) out.bytes[i] = *gen::arbitrary<std::uint8_t>();
  // Half of them near something special.
  if (!out.v4 && *gen::arbitrary<bool>()) {
    auto head = *gen::elementOf(
        std::vector<std::vector<std::uint8_t>>{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
                                               {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                                               {0x20, 0x02},
                                               {0xfe, 0x80},
                                               {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0},
                                               {0xfc},
                                               {0x20, 0x01, 0, 0}});
    std::copy(head.begin(), head.end(), out.bytes.begin());
  }
  return out;
}

std::string number(std::uint32_t value) {
  char text[32];
  auto how = *gen::elementOf(std::vector<const char*>{"%u", "0x%x", "0X%X", "0%o", "0x0%x", "00%o"});
  std::snprintf(text, sizeof text, how, value);
  return text;
}

// However an IPv4 address is spelled, it is read as that address.
RC_GTEST_PROP(EgressAddress, HasNoSpellingThatHidesIt, ()) {
  auto value = *gen::arbitrary<std::uint32_t>();
  auto parts = *gen::inRange(1, 5);
  std::string text;
  for (int i = 0; i < parts - 1; ++i) text += number((value >> (24 - 8 * i)) & 0xff) + ".";
  text += number(parts == 1 ? value : value & (0xffffffffu >> (8 * (parts - 1))));
  if (*gen::arbitrary<bool>()) text += ".";
  auto host = read_host(text);
  RC_ASSERT(host.ok());
  RC_ASSERT(host->address == std::optional(ipv4(value)));
}

RC_GTEST_PROP(EgressAddress, IsReadAsItIsWritten, ()) {
  auto address = canonical(any_address());
  auto again = read_address(to_string(address));
  RC_ASSERT(again.is == AddressReading::Is::address);
  RC_ASSERT(again.address == address);
}

// An IPv6 address that carries an IPv4 one is never more public than it.
RC_GTEST_PROP(EgressAddress, HidesNothingInside, ()) {
  auto inner = *gen::arbitrary<std::uint32_t>();
  auto kind = kind_of(ipv4(inner));
  Address outer;
  outer.v4 = false;
  auto put = [&](std::size_t at) {
    for (std::size_t i = 0; i < 4; ++i)
      outer.bytes[at + i] = static_cast<std::uint8_t>(inner >> (24 - 8 * i));
  };
  auto form = *gen::inRange(0, 5);
  if (form == 0) outer.bytes[10] = outer.bytes[11] = 0xff, put(12);
  if (form == 1) put(12);
  if (form == 2) outer.bytes[1] = 0x64, outer.bytes[2] = 0xff, outer.bytes[3] = 0x9b, put(12);
  if (form == 3) outer.bytes[0] = 0x20, outer.bytes[1] = 0x02, put(2);
  if (form == 4) outer.bytes[8] = outer.bytes[9] = 0xff, put(12);
  if (kind != Kind::open) RC_ASSERT(kind_of(outer) != Kind::open);
}

// Whatever bytes: what is taken for a name is in the one normal form, and reading it again changes nothing.
RC_GTEST_PROP(EgressHost, IsNormalOnceRead, ()) {
  auto text = *gen::container<std::string>(gen::weightedOneOf<char>(
      {{6, gen::elementOf(std::string("abcXYZ019.-_"))}, {1, gen::arbitrary<char>()}}));
  auto host = read_host(text);
  RC_CLASSIFY(host.ok(), "a host");
  if (!host) return;
  auto again = read_host(to_string(*host));
  RC_ASSERT(again.ok());
  RC_ASSERT(*again == *host);
  RC_ASSERT(host->address || read_address(host->name).is == AddressReading::Is::name);
}

const std::vector<std::string> kRules = {"a.test",
                                         "b.a.test",
                                         "*.a.test",
                                         "*.test:443",
                                         "*",
                                         "*:5432",
                                         "10.0.0.0/8",
                                         "10.1.0.0/16:*",
                                         "10.1.2.3:80",
                                         "[fd00::/8]",
                                         "tcp://a.test:*",
                                         "tcp://*:443",
                                         "tcp://10.0.0.0/9:5432"};
const std::vector<std::string> kHosts = {"a.test",   "b.a.test",   "c.b.a.test", "x.test",    "y",
                                         "10.1.2.3", "10.200.0.1", "8.8.8.8",    "[fd00::1]", "[2a00::1]"};

Rule some_rule(Verb verb = Verb::allow) {
  return *read_rule(*gen::elementOf(kRules), verb);
}

Target some_target() {
  return *read_target(*gen::elementOf(kHosts) + ":" +
                      *gen::elementOf(std::vector<std::string>{"80", "443", "5432", "9"}));
}

RC_GTEST_PROP(EgressRule, MeetIsWhatBothAllow, ()) {
  auto a = some_rule(), b = some_rule();
  auto target = some_target();
  auto both = meet(a, b);
  RC_ASSERT((both && both->matches(target)) == (a.matches(target) && b.matches(target)));
  if (both) RC_ASSERT(covers(a, *both) && covers(b, *both));
  if (covers(a, b) && b.matches(target)) RC_ASSERT(a.matches(target));
}

// A tighter bound, or one more rule that denies, never opens anything; one more that allows never closes
// anything.
RC_GTEST_PROP(EgressDecide, IsMonotone, ()) {
  Rules rules;
  auto add = [](std::vector<Entry>& to, Verb verb, int most) {
    for (int n = *gen::inRange(0, most); n > 0; --n) to.push_back({some_rule(verb), "x"});
  };
  add(rules.allow, Verb::allow, 5);
  add(rules.deny, Verb::deny, 3);
  auto bounded = [] {
    std::vector<Rule> out;
    for (int n = *gen::inRange(0, 5); n > 0; --n) out.push_back(some_rule());
    return out;
  };
  if (*gen::arbitrary<bool>()) rules.bound = bounded();
  auto target = some_target();
  auto address = target.host.address ? *target.host.address : any_address();
  auto open = [&](const Rules& r) {
    auto d = decide(r, target);
    if (d.verdict == Decision::Verdict::allowed) d = decide_address(r, target, d, address);
    return d;
  };
  auto before = open(rules);
  auto is_open = [](const Decision& d) { return d.verdict == Decision::Verdict::allowed; };
  RC_CLASSIFY(is_open(before), "open");
  RC_ASSERT(is_open(before) || !before.why.empty());

  auto tighter = rules;
  tighter.deny.push_back({some_rule(Verb::deny), "y"});
  RC_ASSERT(!is_open(open(tighter)) || is_open(before));
  tighter = rules;
  if (rules.bound) {
    tighter.bound = meet(*rules.bound, bounded());
    RC_ASSERT(!is_open(open(tighter)) || (is_open(before) && before.tcp >= open(tighter).tcp));
  }
  auto wider = rules;
  wider.allow.push_back({some_rule(), "z"});
  RC_ASSERT(is_open(open(wider)) || !is_open(before));
}

}  // namespace
}  // namespace brig::egress
