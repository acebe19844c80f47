// Who somebody is in a mesh, as their token says: a peer of that name, in groups, with a role.
//
// Groups are paths: a peer in `a/b` is in `a` too. What a peer makes belongs to the peer of that mesh, and to
// none of that name in another.
//
// Threads: any. Failure: Error{invalid} that names the field, the value and the rule.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "session/sessions.hpp"

namespace brig::session {

std::string_view to_string(Caller::Member::Role role);
std::optional<Caller::Member::Role> member_role_of(std::string_view text);
// In a refusal: which there are.
inline constexpr std::string_view kMemberRoles[] = {"member", "admin", "owner"};

// A letter or digit, then up to 63 of letters, digits, '-', '_', '.', ':' and '@'.
Result<void> check_peer(std::string_view field, std::string_view peer);
// Up to 8 words with '/' between them, each a letter or digit and up to 63 of letters, digits, '-', '_', '.'.
Result<void> check_group(std::string_view field, std::string_view group);
inline constexpr std::size_t kMaxGroups = 32;

bool is_within(std::string_view path, std::string_view group);

// Whose things a peer's are: "peer:acme:alice". No other token may be made for an owner that begins so.
inline constexpr std::string_view kPeerOwner = "peer:";
std::string owner_of(std::string_view mesh, std::string_view peer);

}  // namespace brig::session
