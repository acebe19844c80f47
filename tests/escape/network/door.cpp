// Asking the door for addresses it must not dial: a name is allowed everywhere here, and where it leads is
// not. These sandboxes may reach every name on every port, by any protocol.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "agent/tools.hpp"
#include "egress_wire/frames.hpp"

namespace brig::escape {
namespace {

constexpr const char* kWide = "wide";

// Every spelling of an address that some program reads as one, and what brigd calls it in its account.
struct Spelling {
  const char* name;
  const char* text;
  const char* account;
};
constexpr Spelling kSpellings[] = {
    {"metadata", "169.254.169.254", "169.254.169.254"},
    {"metadata_decimal", "2852039166", "169.254.169.254"},
    {"metadata_hex", "0xa9fea9fe", "169.254.169.254"},
    {"metadata_octal", "0251.0376.0251.0376", "169.254.169.254"},
    {"metadata_mixed", "0xa9.254.0251.0xfe", "169.254.169.254"},
    {"metadata_two_parts", "169.16689662", "169.254.169.254"},
    {"metadata_three_parts", "169.254.43518", "169.254.169.254"},
    {"metadata_dot_at_its_end", "169.254.169.254.", "169.254.169.254"},
    {"metadata_full_width", "\uff11\uff16\uff19.254.169.254", "\uff11\uff16\uff19.254.169.254"},
    {"metadata_circled", "\u2460\u2465\u2468.254.169.254", "\u2460\u2465\u2468.254.169.254"},
    {"metadata_ideographic_dot", "169\u3002254\u3002169\u3002254", "169.254.169.254"},
    {"metadata_mapped", "::ffff:169.254.169.254", "169.254.169.254"},
    {"metadata_mapped_hex", "::ffff:a9fe:a9fe", "169.254.169.254"},
    {"metadata_compatible", "::a9fe:a9fe", "169.254.169.254"},
    {"metadata_nat64", "64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe"},
    {"metadata_local_nat64", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe"},
    {"metadata_6to4", "2002:a9fe:a9fe::1", "2002:a9fe:a9fe::1"},
    {"metadata_isatap", "2001:4860::5efe:a9fe:a9fe", "2001:4860::5efe:a9fe:a9fe"},
    {"metadata_teredo", "2001:0:5db8:d70e::5601:5601", "2001:0:5db8:d70e::5601:5601"},
    {"metadata_ec2", "fd00:ec2::254", "fd00:ec2::254"},
    {"metadata_alibaba", "100.100.100.200", "100.100.100.200"},
    {"metadata_azure", "168.63.129.16", "168.63.129.16"},
    {"metadata_oracle", "192.0.0.192", "192.0.0.192"},
    {"loopback", "127.0.0.1", "127.0.0.1"},
    {"loopback_short", "127.1", "127.0.0.1"},
    {"loopback_other", "127.9.9.9", "127.9.9.9"},
    {"loopback_hex", "0x7f.1", "127.0.0.1"},
    {"loopback_octal", "017700000001", "127.0.0.1"},
    {"loopback_decimal", "2130706433", "127.0.0.1"},
    {"loopback_6", "::1", "::1"},
    {"loopback_6_long", "0:0:0:0:0:0:0:1", "::1"},
    {"loopback_mapped", "::ffff:7f00:1", "127.0.0.1"},
    {"any", "0.0.0.0", "0.0.0.0"},
    {"any_short", "0", "0.0.0.0"},
    {"any_6", "::", "::"},
    {"private_10", "10.66.0.1", "10.66.0.1"},
    {"private_172", "172.16.0.9", "172.16.0.9"},
    {"private_192", "192.168.7.7", "192.168.7.7"},
    {"bridge_gateway", "172.17.0.1", "172.17.0.1"},
    {"shared", "100.64.1.1", "100.64.1.1"},
    {"link_local", "169.254.3.3", "169.254.3.3"},
    {"link_local_6", "fe80::66", "fe80::66"},
    {"unique_local", "fd12::1", "fd12::1"},
    {"site_local", "fec0::1", "fec0::1"},
    {"multicast", "224.0.0.1", "224.0.0.1"},
    {"multicast_6", "ff02::1", "ff02::1"},
    {"broadcast", "255.255.255.255", "255.255.255.255"},
    {"class_e", "240.0.0.1", "240.0.0.1"},
    {"documentation", "203.0.113.7", "203.0.113.7"},
    {"documentation_6", "2001:db8::1", "2001:db8::1"},
    {"benchmark", "198.18.7.1", "198.18.7.1"},
    {"host_itself", "93.184.216.9", "93.184.216.9"},
};
constexpr const char* kAddressRules =
    "an address is one however it is spelled, and one that is not public needs a rule that means just that";

[[maybe_unused]] const bool spellings_kept = [] {
  for (const auto& spelling : kSpellings) {
    std::string text = spelling.text, account = spelling.account;
    keep({"addresses", spelling.name, kAddressRules,
          [=] {
            asked(account, 8443);
            return passes(by_socket(text, 8443, "smuggled"));
          },
          door_works(), kWide});
  }
  return true;
}();

// Names that are no names, or that two readers could read differently.
constexpr Spelling kTricks[] = {
    {"nul", "good.test", ""},  // with what follows below
    {"zone", "fe80::66%door", ""},
    {"bracketed_zone", "[fe80::66%25door]", ""},
    {"userinfo", "good.test@169.254.169.254", ""},
    {"fragment", "169.254.169.254#good.test", ""},
    {"path", "169.254.169.254/good.test", ""},
    {"percent", "%31%36%39.254.169.254", ""},
    {"backslash", "169.254.169.254\\good.test", ""},
    {"line_end", "good.test\r\nHost: 169.254.169.254", ""},
    {"space", "169.254.169.254 good.test", ""},
    {"empty_part", "good..test", ""},
    {"too_many_parts", "169.254.169.254.1", ""},
    {"over_the_top", "4294967296", ""},
    {"half_hex", "0x7f.0x", ""},
    {"negative", "-1.0.0.1", ""},
    {"colon", "169.254.169.254:80:8443", ""},
    {"overlong_utf8", "\xc0\xb1\x36\x39.254.169.254", ""},
};

[[maybe_unused]] const bool tricks_kept = [] {
  for (const auto& trick : kTricks) {
    std::string text = trick.text;
    if (std::string_view(trick.name) == "nul") text += std::string("\0.inward.test", 13);
    keep({"addresses", std::string("trick_") + trick.name,
          "what is neither a name nor an address in its one spelling is refused before anything is looked up",
          [=] {
            auto got = passes(by_socket(text, 8443, "smuggled"));
            asked("*", 8443);
            return got;
          },
          door_works(), kWide});
  }
  return true;
}();

// Names that lead inward, as the resolver outside answers them.
constexpr const char* kInward[] = {"metadata", "loopback", "private", "shared", "linklocal", "any",
                                   "mapped",   "nat64",    "ula",     "ec2",    "loopback6", "host"};
[[maybe_unused]] const bool inward_kept = [] {
  for (const char* where : kInward) {
    std::string name = std::string(where) + ".inward.test";
    keep({"names", std::string("leads_to_") + where,
          "each address is decided about anew, whatever name led there",
          [=] {
            asked(name, 8443);
            return passes(by_socket(name, 8443, "smuggled"));
          },
          door_works(), kWide});
  }
  return true;
}();

Outcome through_every_way(const std::string& host, const std::string& account) {
  for (int i = 0; i < 3; ++i) asked(account, 8443);
  for (const auto& way : {by_connect(host + ":8443", "smuggled"), by_socks(host, 8443, "smuggled"),
                          by_http("http://" + host + ":8443/", host + ":8443")})
    if (auto got = passes(way); got.is == Outcome::Is::escaped) return got;
  return refused("by CONNECT, SOCKS and HTTP");
}

}  // namespace

ATTEMPT(network, metadata_by_proxy, "the proxy inside decides nothing: brigd does", door_works(), kWide) {
  return through_every_way("169.254.169.254", "169.254.169.254");
}
ATTEMPT(network, private_by_proxy, "the proxy inside decides nothing", door_works(), kWide) {
  return through_every_way("10.66.0.1", "10.66.0.1");
}
ATTEMPT(network, host_loopback_by_proxy, "the proxy inside must not lead to brigd's own loopback",
        door_works(), kWide) {
  return through_every_way("127.0.0.1", "127.0.0.1");
}
ATTEMPT(network, localhost_by_proxy, "localhost is loopback, whoever resolves it", door_works(), kWide) {
  return through_every_way("localhost", "localhost");
}
ATTEMPT(network, own_address_by_proxy, "the host's own addresses are the host's ports", door_works(), kWide) {
  return through_every_way("93.184.216.9", "93.184.216.9");
}
ATTEMPT(network, ip6_by_connect, "IPv6 is decided about as IPv4 is", door_works(), kWide) {
  asked("fd00:ec2::254", 8443);
  return passes(by_connect("[fd00:ec2::254]:8443", "smuggled"));
}
ATTEMPT(network, ip6_by_socks, "IPv6 is decided about as IPv4 is", door_works(), kWide) {
  asked("2001:db8::1", 8443);
  return passes(by_socks("2001:db8::1", 8443, "smuggled"));
}
ATTEMPT(network, port_zero, "a connection has a port", door_works()) {
  std::byte frame[egress_wire::kMaxRequest];
  egress_wire::Request request;
  request.port = 1;
  request.host = "good.test";
  auto size = egress_wire::write_request(request, frame);
  egress_wire::store(frame + 8, std::uint16_t{0});
  int fd = dial_unix("/run/brig/egress");
  if (fd < 0) return broken("no door");
  send_all(fd, {reinterpret_cast<const char*>(frame), size});
  auto answer = hear(fd);
  ::close(fd);
  return answer.empty() ? refused("hung up") : escaped(answer);
}

}  // namespace brig::escape
