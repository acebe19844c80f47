#include "audit/chain.hpp"

#include <sodium.h>

#include <array>
#include <charconv>

#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::audit {
namespace {

// Where one field ends and the next begins is clear only so.
bool is_clear(const Entry& entry) {
  auto plain = [](const std::string& field) { return field.find('|') == field.npos; };
  return plain(entry.prev_hash) && plain(entry.mesh) && plain(entry.event) && plain(entry.actor);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

std::string hash_of(const Entry& entry) {
  const std::string fields[] = {entry.prev_hash, entry.mesh,    entry.event,
                                entry.actor,     entry.payload, format_time(entry.created)};
  auto text = join(fields, "|");
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::string hex(hash.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  return hex;
}

std::string to_text(const Anchor& anchor) {
  return std::to_string(anchor.entries) + " " + anchor.hash + " " + std::to_string(anchor.let_go) + " " +
         anchor.since + " " + (anchor.broken_at ? std::to_string(*anchor.broken_at) : "-");
}

std::optional<Anchor> anchor_of(std::string_view text) {
  auto words = split(text, ' ');
  if (words.size() != 5) return std::nullopt;
  auto entries = number(words[0]), let_go = number(words[2]);
  if (!entries || !let_go) return std::nullopt;
  Anchor out{*entries, std::string(words[1]), *let_go, std::string(words[3]), {}};
  if (words[4] == "-") return out;
  out.broken_at = number(words[4]);
  if (!out.broken_at) return std::nullopt;
  return out;
}

Walk::Walk(const std::optional<Anchor>& anchor) {
  if (!anchor) return;
  last_id_ = anchor->let_go;
  first_ = anchor->let_go + 1;
  hash_ = last_hash_ = anchor->since;
}

void Walk::take(const Entry& entry) {
  auto wanted = last_id_ + 1;
  if (entry.id != wanted) breaks_at(wanted);
  if (entry.prev_hash != last_hash_ || !is_clear(entry) || entry.hash != hash_of(entry)) breaks_at(entry.id);
  ++entries_;
  last_id_ = entry.id;
  last_hash_ = entry.hash;
  if (!broken_at_) hash_ = entry.hash;
}

Verdict Walk::end(const std::optional<Anchor>& anchor) const {
  Verdict out{true, entries_, first_, broken_at_, hash_};
  auto breaks = [&](std::uint64_t id) {
    if (!out.broken_at || id < *out.broken_at) out.broken_at = id;
  };
  if (!anchor) {
    if (entries_ > 0) breaks(1);
  } else {
    if (anchor->broken_at) breaks(*anchor->broken_at);
    if (anchor->entries > last_id_)
      breaks(last_id_ + 1);
    else if (anchor->entries < last_id_)
      breaks(anchor->entries + 1);
    else if (anchor->hash != last_hash_)
      breaks(last_id_);
  }
  out.valid = !out.broken_at;
  return out;
}

}  // namespace brig::audit
