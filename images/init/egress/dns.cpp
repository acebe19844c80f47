#include "init_egress/dns.hpp"

#include <cstring>

#include "init_egress/text.hpp"

namespace brig::init::egress {
namespace {

constexpr std::size_t kHead = 12;
constexpr std::size_t kOptRecord = 11;  // root, type, class, ttl, length

std::uint16_t get16(std::span<const std::byte> in, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned>(in[at]) << 8 | static_cast<unsigned>(in[at + 1]));
}

// The end of the name that begins at `at`; 0 if it is none.
std::size_t read_name(std::span<const std::byte> in, std::size_t at, Query& query) {
  while (at < in.size()) {
    auto length = std::size_t{static_cast<std::uint8_t>(in[at])};
    ++at;
    if (length == 0) return at;
    std::size_t dot = query.name_size > 0 ? 1 : 0;
    if (length > 63 || in.size() - at < length || query.name_size + dot + length > kMaxName) return 0;
    if (dot) query.name[query.name_size++] = '.';
    for (std::size_t i = 0; i < length; ++i) {
      auto c = static_cast<unsigned char>(in[at + i]);
      if (c <= 0x20 || c == '.' || c >= 0x7f) query.odd = true;
      query.name[query.name_size++] = static_cast<char>(c);
    }
    at += length;
  }
  return 0;
}

class Packet {
 public:
  Packet(std::span<std::byte, kMaxAnswer> out, std::size_t room)
      : out_(out), room_(room < kMaxAnswer ? room : kMaxAnswer) {}

  bool fits(std::size_t more) const { return room_ - at_ >= more; }
  std::size_t left() const { return room_ - at_; }
  std::size_t size() const { return at_; }
  void put8(std::size_t value) { out_[at_++] = static_cast<std::byte>(value); }
  void put16(std::size_t value) {
    put8(value >> 8 & 0xff);
    put8(value & 0xff);
  }
  void put32(std::uint32_t value) {
    put16(value >> 16);
    put16(value & 0xffff);
  }
  void put(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(out_.data() + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void put(std::string_view text) { put(std::as_bytes(std::span(text.data(), text.size()))); }
  void patch16(std::size_t at, std::size_t value) {
    out_[at] = static_cast<std::byte>(value >> 8);
    out_[at + 1] = static_cast<std::byte>(value & 0xff);
  }

 private:
  std::span<std::byte, kMaxAnswer> out_;
  std::size_t room_;
  std::size_t at_ = 0;
};

// Name (a pointer to the question's), type, class, ttl, length of what follows.
void put_record(Packet& out, std::uint16_t type, std::uint32_t ttl, std::size_t length) {
  out.put16(0xc00c);
  out.put16(type);
  out.put16(1);
  out.put32(ttl);
  out.put16(length);
}

void put_name(Packet& out, std::string_view name) {
  while (!name.empty()) {
    auto label = name.substr(0, name.find('.'));
    out.put8(label.size());
    out.put(label);
    name.remove_prefix(label.size() < name.size() ? label.size() + 1 : label.size());
  }
  out.put8(0);
}

// In pieces of at most 255 bytes.
void put_strings(Packet& out, std::string_view text) {
  do {
    auto piece = text.substr(0, 255);
    out.put8(piece.size());
    out.put(piece);
    text.remove_prefix(piece.size());
  } while (!text.empty());
}

std::size_t strings_size(std::size_t text) {
  return text + (text == 0 ? 1 : (text + 254) / 255);
}

// Cut where no character is cut.
std::string_view shorten(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace

void read_query(std::span<const std::byte> in, Query& query) {
  query = {};
  if (in.size() < kHead) return;
  query.id = get16(in, 0);
  query.flags = get16(in, 2);
  query.question = kHead;
  if (query.flags & 0x8000) return;  // an answer
  query.verdict = Query::Verdict::malformed;
  if (in.size() > kMaxQuestion) return;
  if ((query.flags >> 11 & 15) != 0) {
    query.verdict = Query::Verdict::unsupported;
    return;
  }
  if (get16(in, 4) != 1 || get16(in, 6) != 0 || get16(in, 8) != 0 || get16(in, 10) > 1) return;
  std::size_t at = read_name(in, kHead, query);
  if (at == 0 || in.size() - at < 4) return;
  query.type = get16(in, at);
  query.internet = get16(in, at + 2) == 1;
  at += 4;
  if (get16(in, 10) == 1) {
    if (in.size() - at < kOptRecord || in[at] != std::byte{0} || get16(in, at + 1) != kOpt) return;
    query.extended = true;
    std::size_t asked = get16(in, at + 3);
    query.room = asked < 512 ? 512 : asked > kMaxAnswer ? kMaxAnswer : asked;
    std::size_t options = get16(in, at + 9);
    if (in.size() - at - kOptRecord < options) return;
    at += kOptRecord + options;
  }
  if (at != in.size()) return;
  query.question = kHead;
  for (std::size_t i = kHead; in[i] != std::byte{0}; i += 1 + std::size_t{static_cast<std::uint8_t>(in[i])}) {
    query.question = i + 1 + std::size_t{static_cast<std::uint8_t>(in[i])};
  }
  query.question += 5;
  query.verdict = Query::Verdict::fine;
}

bool read_reverse(std::string_view name, std::uint32_t& address) {
  constexpr std::string_view kZone = ".in-addr.arpa";
  if (name.size() <= kZone.size() || !same_letters(name.substr(name.size() - kZone.size()), kZone))
    return false;
  name.remove_suffix(kZone.size());
  address = 0;
  int parts = 0;
  while (!name.empty()) {
    auto part = name.substr(0, name.find('.'));
    name.remove_prefix(part.size() < name.size() ? part.size() + 1 : part.size());
    std::uint32_t value = 0;
    if (part.empty() || part.size() > 3 || parts == 4) return false;
    for (char c : part) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (value > 255) return false;
    address |= value << (8 * parts);
    ++parts;
  }
  return parts == 4;
}

std::size_t write_answer(std::span<const std::byte> packet, const Query& query, const Answer& answer,
                         std::size_t room, std::span<std::byte, kMaxAnswer> buffer) {
  Packet out(buffer, room);
  bool echoed = query.question > kHead;
  out.put16(query.id);
  // An answer, with authority, recursion as asked for and available.
  out.put16(0x8480u | (query.flags & 0x7900u) | static_cast<unsigned>(answer.rcode));
  out.put16(echoed ? 1 : 0);
  out.put16(0);
  out.put16(0);
  out.put16(0);
  out.put(packet.subspan(kHead, query.question - kHead));
  std::size_t reserve = query.extended ? kOptRecord : 0;
  std::size_t answers = 0;
  auto record_fits = [&](std::size_t length) { return out.fits(12 + length + reserve); };
  if (echoed && answer.has_ipv4 && record_fits(4)) {
    put_record(out, kA, answer.ttl, 4);
    out.put32(answer.ipv4);
    ++answers;
  }
  if (echoed && answer.has_ipv6_loopback && record_fits(16)) {
    put_record(out, kAaaa, answer.ttl, 16);
    for (int i = 0; i < 3; ++i) out.put32(0);
    out.put32(1);
    ++answers;
  }
  if (echoed && !answer.pointer.empty() && record_fits(answer.pointer.size() + 2)) {
    put_record(out, kPtr, answer.ttl, answer.pointer.size() + 2);
    put_name(out, answer.pointer);
    ++answers;
  }
  if (echoed && !answer.text.empty() && record_fits(64)) {
    auto text = shorten(answer.text, out.left() - reserve - 12 - 8);
    put_record(out, kTxt, answer.ttl, strings_size(text.size()));
    put_strings(out, text);
    ++answers;
  }
  out.patch16(6, answers);
  if (query.extended && out.fits(kOptRecord)) {
    out.put8(0);
    out.put16(kOpt);
    out.put16(kMaxAnswer);
    out.put32(0);
    std::size_t length_at = out.size();
    out.put16(0);
    if (answer.error_code != 0 && out.fits(6)) {
      auto text = shorten(answer.error_text, out.left() - 6);
      out.put16(15);
      out.put16(2 + text.size());
      out.put16(answer.error_code);
      out.put(text);
      out.patch16(length_at, 6 + text.size());
    }
    out.patch16(10, 1);
  }
  return out.size();
}

}  // namespace brig::init::egress
