#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/egress/host.hpp"

namespace brig::egress {
namespace {

using ::testing::HasSubstr;

std::string read(std::string_view text) {
  auto host = read_host(text);
  if (!host) return "refused";
  return host->address ? "address " + to_string(*host->address) : host->name;
}

TEST(EgressHost, HasOneSpellingForEachName) {
  EXPECT_EQ(read("API.Example.COM"), "api.example.com");
  EXPECT_EQ(read("api.example.com."), "api.example.com");
  EXPECT_EQ(read("localhost"), "localhost");
  EXPECT_EQ(read("_acme.example.com"), "_acme.example.com");
  EXPECT_EQ(read("B\u00fcCHER.example"), "xn--bcher-kva.example");
  EXPECT_EQ(read("bu\u0308cher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(read("xn--BCHER-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(read("example\u3002com"), "example.com");       // the ideographic full stop
  EXPECT_EQ(read("\uff45\uff58ample.com"), "example.com");  // full-width letters
  EXPECT_EQ(read("a1.example.com"), "a1.example.com");
  EXPECT_EQ(read("1.example.com"), "1.example.com");
}

TEST(EgressHost, RefusesWhatTwoReadersMightReadDifferently) {
  using std::string_view_literals::operator""sv;
  for (auto text : {""sv,
                    "."sv,
                    ".."sv,
                    "a..b"sv,
                    ".a.b"sv,
                    "a.b.."sv,
                    "a b.com"sv,
                    "a%2eb.com"sv,
                    "a\0b.com"sv,
                    "example.com\0.evil.test"sv,
                    "a/b"sv,
                    "a@b"sv,
                    "user@host.com"sv,
                    "a\\b"sv,
                    "a#b"sv,
                    "a?b"sv,
                    "-a.com"sv,
                    "a-.com"sv,
                    "*.a.com"sv,
                    "a\nb.com"sv,
                    "a\r\nHost: b"sv,
                    "\xff\xfe.com"sv,
                    "%00"sv,
                    "http://a.com"sv,
                    "a,b.com"sv,
                    "a;b"sv,
                    "a\tb"sv,
                    " a.com"sv,
                    "a.com "sv,
                    "a.com:80"sv})
    EXPECT_EQ(read(text), "refused") << text;
  EXPECT_EQ(read(std::string(64, 'a') + ".com"), "refused");
  std::string longest;
  for (int i = 0; i < 63; ++i) longest += "abc.";
  EXPECT_EQ(read(longest + "d"), longest + "d");  // 253
  EXPECT_EQ(read(longest + "de"), "refused");
  auto refusal = read_host("a%2eb.com");
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().code, Code::invalid);
  EXPECT_THAT(refusal.error().message, HasSubstr("percent"));
}

TEST(EgressHost, TakesEverySpellingOfAnAddressForOne) {
  for (const char* text :
       {"169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0XA9FEA9FE", "025177524776",
        "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.16689662", "169.254.43518", "0xa9.254.0251.254",
        "::ffff:169.254.169.254", "[::ffff:169.254.169.254]", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:a9fe:a9fe",
        "::169.254.169.254", "0169.254.169.254" /* octal, and no digit 9 */})
    EXPECT_EQ(read(text), std::string(text) == "0169.254.169.254" ? "refused" : "address 169.254.169.254")
        << text;
  EXPECT_EQ(read("127.1"), "address 127.0.0.1");
  EXPECT_EQ(read("0"), "address 0.0.0.0");
  EXPECT_EQ(read("0x"), "address 0.0.0.0");
  EXPECT_EQ(read("\uff11\uff12\uff17.\uff10.\uff10.\uff11"), "address 127.0.0.1");  // full-width digits
  EXPECT_EQ(read("127\u30020\u30020\u30021"), "address 127.0.0.1");
  EXPECT_EQ(read("[::1]"), "address ::1");
  EXPECT_EQ(read("2001:DB8:0:0::0:1"), "address 2001:db8::1");
  for (const char* text :
       {"1.2.3.4.5", "256.1.1.1",    "1.2.3.256", "0x100000000",  "1.2.3.0x", "foo.1", "foo.0x1f",
        "::1%eth0",  "fe80::1%25lo", "[::1",      "::1]",         "[]",       ":::",   "1::2::3",
        "12345::",   "08",           "1.2.3.08",  "127.0.0.1:80", "[::1]:80", "1..2",  "[127.0.0.1]"})
    EXPECT_EQ(read(text), text == std::string("1.2.3.0x") ? "address 1.2.3.0" : "refused") << text;
}

TEST(EgressHost, KnowsWhatKindOfPlaceAnAddressIs) {
  auto kind = [](std::string_view text) {
    auto reading = read_address(text);
    EXPECT_EQ(reading.is, AddressReading::Is::address) << text;
    return kind_of(reading.address);
  };
  for (const char* text : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
                           "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1",
                           "2a00::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "::8.8.8.8"})
    EXPECT_EQ(kind(text), Kind::open) << text;
  for (const char* text : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1",
                           "fec0::1", "64:ff9b::10.0.0.1", "2002:a00:1::", "::ffff:0:10.0.0.1",
                           "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:10.0.0.1", "64:ff9b:1::10.0.0.1"})
    EXPECT_EQ(kind(text), Kind::private_use) << text;
  for (const char* text : {"127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1",
                           "2002:7f00:1::", "64:ff9b::7f00:1"})
    EXPECT_EQ(kind(text), Kind::loopback) << text;
  for (const char* text : {"169.254.0.1", "fe80::1", "febf::1"})
    EXPECT_EQ(kind(text), Kind::link_local) << text;
  for (const char* text :
       {"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200",
        "168.63.129.16", "192.0.0.192", "169.254.170.2", "::ffff:0:169.254.169.254"})
    EXPECT_EQ(kind(text), Kind::metadata) << text;
  for (const char* text : {"224.0.0.1", "239.255.255.250", "ff02::1"})
    EXPECT_EQ(kind(text), Kind::multicast) << text;
  for (const char* text : {"100.64.0.1", "100.127.255.255"}) EXPECT_EQ(kind(text), Kind::shared) << text;
  for (const char* text : {"0.0.0.0", "::"}) EXPECT_EQ(kind(text), Kind::unspecified) << text;
  for (const char* text : {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"})
    EXPECT_EQ(kind(text), Kind::documentation) << text;
  for (const char* text :
       {"0.1.2.3", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.88.99.1", "192.0.0.1", "100::1",
        "2001::1", "2001:10::1", "2002:808:808::", "5f00::1", "4000::1", "64:ff9b:1::8.8.8.8"})
    EXPECT_EQ(kind(text), Kind::reserved) << text;
}

TEST(EgressHost, ReadsTargets) {
  auto target = [](std::string_view text) {
    auto t = read_target(text);
    return t ? to_string(t->host, t->port) : "refused";
  };
  EXPECT_EQ(target("A.example.com.:443"), "a.example.com:443");
  EXPECT_EQ(target("[::1]:80"), "[::1]:80");
  EXPECT_EQ(target("0x7f.1:80"), "127.0.0.1:80");
  for (const char* text : {"a.example.com", "a:0", "a:65536", "a:080", "a:", ":80", "::1:80", "a:b:80",
                           "a:-1", "a:+1", "a: 80", "a:80 ", "a:1e1"})
    EXPECT_EQ(target(text), "refused") << text;
}

}  // namespace
}  // namespace brig::egress
