#include "init_egress/socks.hpp"

#include <arpa/inet.h>

#include <cstring>

namespace brig::init::egress {
namespace {

constexpr std::uint8_t kGeneral = 1, kNoCommand = 7, kNoAddressType = 8;

std::uint8_t byte_at(std::string_view in, std::size_t at) {
  return static_cast<std::uint8_t>(in[at]);
}

}  // namespace

Reading read_socks_greeting(std::string_view in, std::size_t& size, bool& acceptable) {
  if (in.size() < 2) return Reading::more;
  if (in[0] != 5 || in[1] == 0) return Reading::bad;
  size = 2 + std::size_t{byte_at(in, 1)};
  if (in.size() < size) return Reading::more;
  acceptable = in.substr(2, size - 2).find('\0') != std::string_view::npos;
  return Reading::whole;
}

Reading read_socks_request(std::string_view in, std::span<char, kAddressText> address,
                           SocksRequest& request) {
  request = {};
  auto bad = [&](std::uint8_t failure) {
    request.failure = failure;
    return Reading::bad;
  };
  if (in.size() < 5) return Reading::more;
  if (in[0] != 5 || in[2] != 0) return bad(kGeneral);
  if (in[1] != 1) return bad(kNoCommand);
  std::size_t at = 4, length = 0;
  switch (in[3]) {
    case 1:
      length = 4;
      break;
    case 3:
      length = byte_at(in, 4);
      at = 5;
      break;
    case 4:
      length = 16;
      break;
    default:
      return bad(kNoAddressType);
  }
  if (length == 0) return bad(kNoAddressType);
  request.size = at + length + 2;
  if (in.size() < request.size) return Reading::more;
  if (in[3] == 3) {
    request.host = in.substr(at, length);
  } else {
    int family = in[3] == 1 ? AF_INET : AF_INET6;
    if (!::inet_ntop(family, in.data() + at, address.data(), kAddressText)) return bad(kGeneral);
    request.host = {address.data(), std::strlen(address.data())};
  }
  request.port =
      static_cast<std::uint16_t>(byte_at(in, request.size - 2) << 8 | byte_at(in, request.size - 1));
  return request.port == 0 ? bad(kGeneral) : Reading::whole;
}

void write_socks_answer(std::uint8_t reply, std::span<char, kSocksAnswer> out) {
  constexpr char kAnswer[kSocksAnswer] = {5, 0, 0, 1};
  std::memcpy(out.data(), kAnswer, kSocksAnswer);
  out[1] = static_cast<char>(reply);
}

std::uint8_t socks_reply(egress_wire::Status status) {
  using enum egress_wire::Status;
  switch (status) {
    case ok:
      return 0;
    case denied:
      return 2;
    case unreachable:
      return 3;
    case unresolvable:
      return 4;
    case refused:
      return 5;
    case timeout:
      return 6;
    case invalid:
      return kNoAddressType;
    default:
      return kGeneral;
  }
}

}  // namespace brig::init::egress
