#include "names.hpp"

#include <arpa/inet.h>

#include <cctype>
#include <map>
#include <vector>

namespace brig::escape {
namespace {

using Addresses = std::vector<std::string>;

const std::map<std::string, Addresses>& known() {
  static const std::map<std::string, Addresses> names = {
      {"good.test", {"93.184.215.14"}},
      {"evilgood.test", {"93.184.215.14"}},
      {"other.test", {"93.184.215.20"}},
      {"metadata.inward.test", {"169.254.169.254"}},
      {"loopback.inward.test", {"127.0.0.1"}},
      {"private.inward.test", {"10.66.0.1"}},
      {"shared.inward.test", {"100.64.1.1"}},
      {"linklocal.inward.test", {"169.254.3.3"}},
      {"any.inward.test", {"0.0.0.0"}},
      {"mapped.inward.test", {"::ffff:169.254.169.254"}},
      {"nat64.inward.test", {"64:ff9b::a9fe:a9fe"}},
      {"ula.inward.test", {"fd12::1"}},
      {"ec2.inward.test", {"fd00:ec2::254"}},
      {"loopback6.inward.test", {"::1"}},
      {"host.inward.test", {"93.184.216.9"}},
      {"both.inward.test", {"169.254.169.254", "93.184.215.14", "10.66.0.1"}},
      {"localhost", {"127.0.0.1"}},
      {"brigd", {"127.0.0.1"}},
      {"short.name.search.test", {"93.184.215.14"}},
      {"intranet.search.test", {"93.184.215.14"}},
  };
  return names;
}

// Whoever asks below evil.test has got a secret out by the name alone; that it is answered makes no odds.
std::optional<Addresses> addresses_of(const std::string& name, std::size_t times) {
  if (auto it = known().find(name); it != known().end()) return it->second;
  if (name.ends_with(".rebind.test"))
    return Addresses{times % 2 == 0 || name == "good.rebind.test" ? "93.184.215.14" : "169.254.169.254"};
  if (name.ends_with(".evil.test")) return Addresses{"93.184.215.14"};
  return std::nullopt;
}

void put(std::string& out, unsigned value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::optional<Question> read_question(std::string_view packet) {
  Question out;
  std::size_t at = 12;
  while (at < packet.size() && packet[at] != 0) {
    auto length = static_cast<unsigned char>(packet[at]);
    if (length > 63 || at + length + 1 >= packet.size()) return std::nullopt;
    if (!out.name.empty()) out.name += '.';
    for (char c : packet.substr(at + 1, length))
      out.name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    at += 1u + length;
  }
  if (at + 5 > packet.size()) return std::nullopt;
  out.type = static_cast<std::uint16_t>(static_cast<unsigned char>(packet[at + 1]) << 8 |
                                        static_cast<unsigned char>(packet[at + 2]));
  return out;
}

std::string answer_to(std::string_view packet, const Question& question, std::size_t times) {
  auto found = addresses_of(question.name, times);
  std::string records;
  unsigned count = 0;
  for (const auto& address : found.value_or(Addresses{})) {
    char raw[16];
    bool v4 = ::inet_pton(AF_INET, address.c_str(), raw) == 1;
    if (!v4) ::inet_pton(AF_INET6, address.c_str(), raw);
    if (question.type != (v4 ? 1 : 28)) continue;
    ++count;
    put(records, 0xc00c, 2);
    put(records, question.type, 2);
    put(records, 1, 2);
    put(records, 0, 4);
    put(records, v4 ? 4 : 16, 2);
    records.append(raw, v4 ? 4 : 16);
  }
  std::string out(packet.substr(0, 2));
  put(out, found ? 0x8180 : 0x8183, 2);
  put(out, 1, 2);
  put(out, count, 2);
  put(out, 0, 4);
  auto end = packet.find('\0', 12);
  out += packet.substr(12, end + 5 - 12);
  return out + records;
}

}  // namespace brig::escape
