// SOCKS5 (RFC 1928) as far as a way out needs it: no authentication, CONNECT.
//
// Ownership: views into the caller's buffers. Threads: plain functions. Failure: Reading::bad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "egress_wire/frames.hpp"
#include "init_egress/http.hpp"

namespace brig::init::egress {

// The methods the client offers. `size`: how many bytes that was. `acceptable`: "no authentication" is among
// them.
Reading read_socks_greeting(std::string_view in, std::size_t& size, bool& acceptable);

struct SocksRequest {
  std::size_t size = 0;
  std::string_view host;  // a name of `in`, or an address written into the buffer
  std::uint16_t port = 0;
  std::uint8_t failure = 0;  // for `bad`: what to answer
};
inline constexpr std::size_t kAddressText = 46;
Reading read_socks_request(std::string_view in, std::span<char, kAddressText> address, SocksRequest& request);

// The answer to a request, 10 bytes: RFC 1928's reply and no address.
inline constexpr std::size_t kSocksAnswer = 10;
void write_socks_answer(std::uint8_t reply, std::span<char, kSocksAnswer> out);
std::uint8_t socks_reply(egress_wire::Status status);

}  // namespace brig::init::egress
