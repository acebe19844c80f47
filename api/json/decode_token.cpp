// Tokens, as they are asked for: of this host, or a peer's of a mesh.
#include <algorithm>

#include "api/json/decode.hpp"
#include "core/names.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "session/member.hpp"
#include "session/tenancy.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMaxName = 64;

constexpr std::string_view kRoles[] = {"viewer", "user", "admin"};

// A role on this host or, of a peer, in its mesh: that is a user here.
void read_token_role(Object& top, TokenSpec& out) {
  auto role = top.text("role", {.required = !out.member, .max = 16});
  if (!role) return;
  auto unknown = [&](std::span<const std::string_view> known, const std::string& there) {
    top.fail("role", "role " + brig::quoted(*role) + " is unknown" + did_you_mean(*role, known) + there);
  };
  if (out.member) {
    auto known = session::member_role_of(*role);
    if (known)
      out.member->role = *known;
    else
      unknown(session::kMemberRoles, "; a peer is a member, an admin or an owner of its mesh");
    return;
  }
  auto it = std::find(std::begin(kRoles), std::end(kRoles), *role);
  if (it != std::end(kRoles))
    out.role = static_cast<session::Caller::Role>(it - std::begin(kRoles));
  else if (session::member_role_of(*role))
    top.fail("role", "role " + brig::quoted(*role) + " is one in a mesh; name the peer who has it there");
  else
    unknown(kRoles, "; known are viewer, user and admin, and for a peer member, admin and owner");
}

void read_member(Object& top, TokenSpec& out) {
  auto peer = top.text("peer", {.max = 256});
  auto groups = top.texts("groups", session::kMaxGroups);
  if (!peer) {
    if (!groups.empty()) top.fail("groups", "groups are a peer's; name it");
    return;
  }
  top.check("peer", session::check_peer("peer", *peer));
  if (!top.has("mesh")) top.fail("peer", "peer is somebody in a mesh; name that, too");
  if (top.has("owner")) top.fail("owner", "owner goes without peer: what a peer makes is its own");
  out.role = session::Caller::Role::user;
  out.member = session::Caller::Member{};
  out.member->peer = *peer;
  for (auto& group : groups) {
    top.check("groups", session::check_group("groups", group));
    if (std::find(out.member->groups.begin(), out.member->groups.end(), group) != out.member->groups.end())
      top.fail("groups", "groups names " + brig::quoted(group) + " twice");
    out.member->groups.push_back(std::move(group));
  }
}

void read_label(Object& top, TokenSpec& out) {
  out.label = top.text("label", {.required = !out.member, .max = 128}).value_or("");
  if (printable(out.label, 1024) != out.label) top.fail("label", "label has control characters in it");
  if (out.label.empty() && out.member) out.label = out.member->peer;
}

}  // namespace

TokenSpec decode_token(Body& body) {
  auto top = body.object();
  TokenSpec out;
  read_member(top, out);
  read_label(top, out);
  read_token_role(top, out);
  if (auto owner = top.text("owner", {.max = 128})) {
    top.check("owner", session::check_owner(*owner));
    out.owner = *owner;
  }
  if (auto mesh = top.text("mesh", {.max = kMaxName})) {
    top.check("mesh", check_name("mesh", *mesh));
    if (out.role == session::Caller::Role::admin)
      top.fail("mesh", "an admin sees every mesh; a token for one is of the role user or viewer");
    out.mesh = *mesh;
    if (out.member) out.owner = session::owner_of(out.mesh, out.member->peer);
  }
  if (auto text = top.text("expires_in", {.max = 64})) {
    auto duration = parse_duration(*text);
    constexpr Millis kLongest = std::chrono::hours(24 * 3650);
    if (!duration) {
      top.fail("expires_in", duration.error().message);
    } else if (*duration <= Millis{0} || *duration > kLongest) {
      top.fail("expires_in",
               "expires_in " + brig::quoted(*text) + " must be more than nothing and at most 3650d");
    } else {
      out.expires_in = *duration;
    }
  }
  top.finish();
  return out;
}

}  // namespace brig::api
