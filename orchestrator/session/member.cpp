#include "session/member.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kMaxDepth = 8;

bool is_word(std::string_view word, std::string_view others) {
  auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return !word.empty() && word.size() <= kMaxWord && plain(word[0]) &&
         std::all_of(word.begin(), word.end(),
                     [&](char c) { return plain(c) || others.find(c) != others.npos; });
}

}  // namespace

std::string_view to_string(Caller::Member::Role role) {
  return kMemberRoles[static_cast<std::size_t>(role)];
}

std::optional<Caller::Member::Role> member_role_of(std::string_view text) {
  using Role = Caller::Member::Role;
  for (auto role : {Role::member, Role::admin, Role::owner})
    if (to_string(role) == text) return role;
  return std::nullopt;
}

Result<void> check_peer(std::string_view field, std::string_view peer) {
  if (is_word(peer, "-_.:@")) return {};
  return Error{Code::invalid,
               std::string(field) + " " + quoted(peer) +
                   " is no peer's name; use a letter or digit, then up to 63 letters, digits, '-', '_', '.', "
                   "':' or '@'",
               "member", false};
}

Result<void> check_group(std::string_view field, std::string_view group) {
  auto words = split(group, '/');
  bool good = words.size() <= kMaxDepth &&
              std::all_of(words.begin(), words.end(), [](auto word) { return is_word(word, "-_."); });
  if (good) return {};
  return Error{Code::invalid,
               std::string(field) + " " + quoted(group) +
                   " is no group; write it as in 'backend' or 'backend/payments': up to 8 words with '/' "
                   "between them, each of letters, digits, '-', '_' and '.'",
               "member", false};
}

bool is_within(std::string_view path, std::string_view group) {
  return path.starts_with(group) && (path.size() == group.size() || path[group.size()] == '/');
}

std::string owner_of(std::string_view mesh, std::string_view peer) {
  return std::string(kPeerOwner) + std::string(mesh) + ":" + std::string(peer);
}

}  // namespace brig::session
