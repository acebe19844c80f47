#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.hpp"
#include "policy/egress/decide.hpp"
#include "policy/explain.hpp"

namespace brig::egress {
namespace {

using ::testing::HasSubstr;
using Verdict = Decision::Verdict;

std::string said(std::string_view text, Verb verb = Verb::allow) {
  auto rule = read_rule(text, verb);
  if (!rule) return "refused";
  auto again = read_rule(to_string(*rule, verb), verb);
  EXPECT_TRUE(again && *again == *rule) << text;
  return to_string(*rule, verb);
}

std::vector<Entry> entries(std::initializer_list<const char*> texts, Verb verb, const char* from) {
  std::vector<Entry> out;
  for (const char* text : texts) {
    auto rule = read_rule(text, verb);
    EXPECT_TRUE(rule) << text;
    if (rule) out.push_back({*rule, from});
  }
  return out;
}

Rules rules(std::initializer_list<const char*> allow, std::initializer_list<const char*> deny = {}) {
  return {entries(allow, Verb::allow, "the request"), entries(deny, Verb::deny, "profile 'x'"), {}, false};
}

std::vector<Rule> bound(std::initializer_list<const char*> texts) {
  std::vector<Rule> out;
  for (auto& entry : entries(texts, Verb::allow, "")) out.push_back(entry.rule);
  return out;
}

Decision ask(const Rules& r, std::string_view target) {
  auto t = read_target(target);
  EXPECT_TRUE(t) << target;
  return t ? decide(r, *t) : Decision{};
}

// The whole way, for one address.
std::string reach(const Rules& r, std::string_view target, std::string_view address, bool own = false) {
  auto t = read_target(target);
  auto a = read_address(address);
  if (!t || a.is != AddressReading::Is::address) return "nonsense";
  auto decided = decide(r, *t);
  if (decided.verdict == Verdict::allowed) decided = decide_address(r, *t, decided, a.address, own);
  return decided.verdict == Verdict::allowed ? "allowed" : decided.why + " [" + decided.remedy + "]";
}

TEST(EgressRule, IsReadAndWrittenTheSame) {
  EXPECT_EQ(said("API.Example.com"), "api.example.com");
  EXPECT_EQ(said("*.example.org:443"), "*.example.org:443");
  EXPECT_EQ(said("tcp://db.internal:5432"), "tcp://db.internal:5432");
  EXPECT_EQ(said("tcp://db.internal:*"), "tcp://db.internal:*");
  EXPECT_EQ(said("10.1.2.3:8080"), "10.1.2.3:8080");
  EXPECT_EQ(said("0xa.1.2.3"), "10.1.2.3");
  EXPECT_EQ(said("10.0.0.0/8"), "10.0.0.0/8");
  EXPECT_EQ(said("10.0.0.0/8:5432"), "10.0.0.0/8:5432");
  EXPECT_EQ(said("fd00::/8"), "[fd00::/8]");
  EXPECT_EQ(said("[fd00::]/8"), "[fd00::/8]");
  EXPECT_EQ(said("[fd00::/8]:443"), "[fd00::/8]:443");
  EXPECT_EQ(said("[::1]:443"), "[::1]:443");
  EXPECT_EQ(said("*"), "*");
  EXPECT_EQ(said("*:443"), "*:443");
  EXPECT_EQ(said("httpbin.example"), "httpbin.example");
  EXPECT_EQ(said("tcp://a.test:1", Verb::deny), "a.test:1");
  EXPECT_EQ(said("a.test:*", Verb::deny), "a.test");
}

TEST(EgressRule, IsRefusedWhereItIsNotClear) {
  for (const char* text : {"",
                           ":80",
                           "*:0",
                           "a.com:",
                           "a.com:0",
                           "a.com:65536",
                           "a.com:http",
                           "**.a.com",
                           "a.*.com",
                           "*a.com",
                           "a*",
                           "*.*.com",
                           "https://a.com",
                           "ftp://a.com/x",
                           "a.com/path",
                           "tcp://a.com",
                           "tcp://",
                           "udp://a.com:53",
                           "10.0.0.0/33",
                           "10.1.2.3/8",
                           "10.0.0.0/",
                           "10.0.0.0/08",
                           "10.0.0.0/-1",
                           "fd00::/129",
                           "a b",
                           "a.com,b.com",
                           "*.10.0.0.1",
                           "*.1",
                           "\uff11\uff12\uff17.0.0.1",
                           "fe80::1%eth0",
                           "::ffff:10.0.0.0/104",
                           "10.0.0.0/8/8"})
    EXPECT_EQ(said(text), "refused") << text;
  auto why = read_rule("10.1.2.3/8", Verb::allow);
  ASSERT_FALSE(why);
  EXPECT_THAT(why.error().message, HasSubstr("10.0.0.0/8"));
}

TEST(EgressRule, WildcardsStandForWholeLabelsAndNeverForAddresses) {
  auto r = rules({"*.example.org", "*:8443"});
  EXPECT_EQ(ask(r, "a.example.org:443").verdict, Verdict::allowed);
  EXPECT_EQ(ask(r, "a.b.example.org:80").verdict, Verdict::allowed);
  EXPECT_EQ(ask(r, "example.org:443").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "badexample.org:443").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "a.example.org:22").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "a.example.org.evil.test:443").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "anything.test:8443").verdict, Verdict::allowed);
  EXPECT_EQ(ask(r, "8.8.8.8:8443").verdict, Verdict::denied);
}

TEST(EgressDecide, DenyWinsOnEveryPort) {
  auto r = rules({"*", "tcp://db.test:5432"}, {"bad.test", "db.test:5433"});
  EXPECT_EQ(ask(r, "bad.test:443").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "db.test:5432").verdict, Verdict::allowed);
  EXPECT_TRUE(ask(r, "db.test:5432").tcp);
  auto no = ask(r, "BAD.test.:80");
  EXPECT_EQ(no.why, "bad.test:80 is denied by the rule 'bad.test' of profile 'x'");
  EXPECT_EQ(no.remedy, "");
  r.ask = true;
  EXPECT_EQ(ask(r, "bad.test:22").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "other.test:22").verdict, Verdict::ask);
}

TEST(EgressDecide, SaysWhatWouldAllowIt) {
  auto no = ask(rules({}), "api.example.com:443");
  EXPECT_EQ(no.why, "no rule allows api.example.com:443");
  EXPECT_EQ(no.remedy, "api.example.com");
  EXPECT_EQ(ask(rules({}), "api.example.com:8443").remedy, "api.example.com:8443");
  EXPECT_EQ(ask(rules({}), "10.1.2.3:80").remedy, "10.1.2.3");
  EXPECT_EQ(ask(rules({}), "[fd00::1]:81").remedy, "[fd00::1]:81");
}

TEST(EgressDecide, TheCeilingBoundsWhateverIsAllowed) {
  auto r = rules({"*", "tcp://a.test:5432", "10.0.0.0/8"});
  r.bound = bound({"*.test", "a.test:5432"});
  EXPECT_EQ(ask(r, "x.test:443").verdict, Verdict::allowed);
  EXPECT_EQ(ask(r, "x.example:443").verdict, Verdict::denied);
  EXPECT_EQ(ask(r, "x.example:443").from, "the ceiling");
  EXPECT_EQ(ask(r, "a.test:5432").verdict, Verdict::allowed);
  EXPECT_FALSE(ask(r, "a.test:5432").tcp) << "the bound is not for any protocol";
  EXPECT_EQ(ask(r, "10.1.2.3:80").verdict, Verdict::denied);
  r.ask = true;
  EXPECT_EQ(ask(r, "x.example:443").verdict, Verdict::denied) << "nobody can say yes to that";
}

TEST(EgressDecide, NoNameLeadsIntoAPrivateNetwork) {
  auto r = rules({"*", "tcp://db.test:5432"});
  EXPECT_EQ(reach(r, "a.test:443", "8.8.8.8"), "allowed");
  EXPECT_EQ(reach(r, "a.test:443", "10.1.2.3"),
            "a.test resolves to 10.1.2.3, a private address, which no rule names [10.1.2.3]");
  EXPECT_EQ(reach(r, "db.test:5432", "10.1.2.3"),
            "db.test resolves to 10.1.2.3, a private address, which no rule names [10.1.2.3:5432]");
  for (const char* address :
       {"127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.1.1", "169.254.169.254", "fd00:ec2::254",
        "100.64.0.1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "192.0.2.1", "2001:db8::1", "fe80::1",
        "64:ff9b::a00:1", "2002:a00:1::", "fc00::1", "255.255.255.255"})
    EXPECT_NE(reach(r, "a.test:443", address), "allowed") << address;
}

TEST(EgressDecide, APrivateAddressMustBeNamedItself) {
  auto r = rules({"db.test:5432", "10.1.0.0/16:5432"});
  EXPECT_EQ(reach(r, "db.test:5432", "10.1.2.3"), "allowed");
  EXPECT_EQ(reach(r, "db.test:5432", "::ffff:10.1.2.3"), "allowed");
  EXPECT_NE(reach(r, "db.test:5432", "10.2.2.3"), "allowed");
  EXPECT_EQ(reach(r, "10.1.2.3:5432", "10.1.2.3"), "allowed");
  EXPECT_NE(reach(r, "10.1.2.3:80", "10.1.2.3"), "allowed");
  EXPECT_EQ(reach(rules({"127.0.0.1:8080"}), "127.0.0.1:8080", "127.0.0.1"), "allowed");
  // A range that holds everything means none of it in particular.
  auto wide = rules({"*", "0.0.0.0/0", "::/0"});
  EXPECT_EQ(reach(wide, "8.8.8.8:443", "8.8.8.8"), "allowed");
  for (const char* address : {"10.1.2.3", "127.0.0.1", "169.254.169.254", "fd00::1", "::1"})
    EXPECT_NE(reach(wide, "a.test:443", address), "allowed") << address;
  auto denied = rules({"*", "10.0.0.0/8"}, {"10.1.2.0/24"});
  EXPECT_EQ(
      reach(denied, "a.test:443", "10.1.2.3"),
      "a.test resolves to 10.1.2.3, and 10.1.2.3:443 is denied by the rule '10.1.2.0/24' of profile 'x' []");
}

TEST(EgressDecide, OnlyTheCeilingOpensMetadataAddresses) {
  auto r = rules({"169.254.169.254:80", "169.254.0.0/16", "*"});
  EXPECT_NE(reach(r, "169.254.169.254:80", "169.254.169.254"), "allowed");
  EXPECT_NE(reach(r, "a.test:80", "169.254.1.1"), "allowed");
  r.bound = bound({"*", "169.254.0.0/16:80"});
  EXPECT_NE(reach(r, "169.254.169.254:80", "169.254.169.254"), "allowed") << "a range does not mean it";
  EXPECT_EQ(reach(r, "169.254.1.1:80", "169.254.1.1"), "allowed");
  r.bound = bound({"*", "169.254.169.254:80"});
  EXPECT_EQ(reach(r, "169.254.169.254:80", "169.254.169.254"), "allowed");
}

TEST(EgressDecision, AnAddressOfTheHostsOwnIsNamedAlone) {
  auto wide = rules({"*", "tcp://*:*", "0.0.0.0/0", "2000::/3"});
  EXPECT_EQ(reach(wide, "a.test:443", "93.184.216.9"), "allowed");
  EXPECT_EQ(
      reach(wide, "a.test:443", "93.184.216.9", true),
      "a.test resolves to 93.184.216.9, an address of this host itself, which no rule names [93.184.216.9]");
  EXPECT_EQ(reach(wide, "93.184.216.9:443", "93.184.216.9", true),
            "93.184.216.9:443 is an address of this host itself, which no rule names [93.184.216.9]");
  EXPECT_EQ(reach(rules({"a.test", "93.184.216.9"}), "a.test:443", "93.184.216.9", true), "allowed");
  EXPECT_NE(reach(rules({"a.test", "93.184.216.9"}), "a.test:443", "93.184.216.8", true), "allowed");
  EXPECT_NE(reach(wide, "a.test:443", "2606:2800::1", true), "allowed");
  EXPECT_NE(reach(wide, "10.0.0.1:443", "10.0.0.1", true), "allowed") << "what it is otherwise stays so";
}

}  // namespace
}  // namespace brig::egress

namespace brig::policy {
namespace {

using ::testing::HasSubstr;

Request request(const char* text) {
  auto r = parse_request(nlohmann::json::parse(text));
  EXPECT_TRUE(r) << text;
  return r ? *r : Request{};
}

Ceiling ceiling(const char* text) {
  auto c = parse_ceiling(text, "c.toml");
  EXPECT_TRUE(c) << text;
  return c ? *c : Ceiling{};
}

TEST(EgressPolicy, AddsUpWithinTheCeiling) {
  auto profile =
      parse_profile("[egress]\nallow = ['a.test']\ndeny = ['b.a.test']\npresets = ['npm']\n", "p.toml");
  ASSERT_TRUE(profile);
  auto e = explain(ceiling("[egress]\nallow = ['*.test']\ndeny = ['c.test']\n"), *profile,
                   request(R"({"egress":{"allow":["d.test:443"],"ask":true}})"));
  ASSERT_TRUE(e) << e.error().message;
  EXPECT_EQ(to_json(e->effective.egress).dump(),
            R"({"allow":["a.test","d.test:443"],"ask":true,"deny":["b.a.test","c.test"],"presets":["npm"]})");
  std::string told;
  for (const auto& f : e->fields)
    if (f.field.starts_with("egress"))
      told += f.field + "=" + f.value + " by " + std::string(to_string(f.rule)) + "\n";
  EXPECT_EQ(
      told,
      "egress.allow=a.test by profile\negress.preset=npm by profile\negress.allow=d.test:443 by request\n"
      "egress.ask=true by request\negress.deny=b.a.test by profile\negress.deny=c.test by ceiling\n");
}

TEST(EgressPolicy, RefusesWhatTheCeilingDoesNotAllow) {
  auto refuse = [](const char* c, const char* r) {
    auto e = resolve(ceiling(c), testing::profile("strict"), request(r));
    return e ? "allowed" : e.error().message;
  };
  EXPECT_THAT(refuse("[egress]\nallow = ['a.test']\n", R"({"egress":{"allow":["*.test"]}})"),
              HasSubstr("'*.test', the ceiling does not allow it"));
  EXPECT_THAT(refuse("[egress]\nallow = ['a.test']\n", R"({"egress":{"allow":["tcp://a.test:443"]}})"),
              HasSubstr("the ceiling does not allow it"));
  EXPECT_THAT(refuse("[egress]\nallow = []\n", R"({"egress":{"allow":["a.test"]}})"), HasSubstr("ceiling"));
  EXPECT_THAT(refuse("[egress]\nask = false\n", R"({"egress":{"ask":true}})"), HasSubstr("egress.ask"));
  EXPECT_THAT(refuse("[egress]\ndeny = ['*.test']\n", R"({"egress":{"allow":["tcp://a.test:1"]}})"),
              HasSubstr("'*.test' denies"));
  EXPECT_THAT(refuse("", R"({"egress":{"allow":["169.254.169.254"]}})"), HasSubstr("ceiling"));
  EXPECT_EQ(refuse("", R"({"egress":{"allow":["10.1.2.3:8080","a.test"]}})"), "allowed");
}

TEST(EgressPolicy, IsPartOfTheHash) {
  auto hash = [](const char* r) {
    auto e = resolve({}, testing::profile("strict"), request(r));
    return e ? policy_hash(*e) : e.error().message;
  };
  auto plain = hash("{}");
  EXPECT_EQ(hash(R"({"egress":{"presets":["provider"]}})"), plain);
  EXPECT_NE(hash(R"({"egress":{"allow":["a.test"]}})"), plain);
  EXPECT_NE(hash(R"({"egress":{"deny":["a.test"]}})"), plain);
  EXPECT_NE(hash(R"({"egress":{"ask":true}})"), plain);
}

}  // namespace
}  // namespace brig::policy
