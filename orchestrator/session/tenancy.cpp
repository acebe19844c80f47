#include "session/tenancy.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "session/member.hpp"

namespace brig::session {

bool may_see(const Caller& caller, const std::string& owner, const std::string& mesh) {
  if (caller.role == Caller::Role::admin) return true;
  return caller.owner == owner && (caller.mesh.empty() || caller.mesh == mesh);
}

bool is_of_host(const Caller& caller) {
  return caller.uid || caller.role == Caller::Role::admin;
}

Result<void> check_image_of(const Caller& caller, const std::string& image) {
  if (image.empty() || caller.mesh.empty() || is_of_host(caller)) return {};
  return Error{
      Code::denied,
      "members of a mesh cannot name an image of this host, which may be another mesh's; leave it out, and "
      "the provider's own is taken",
      "session", false};
}

Result<std::string> mesh_for(const Caller& caller, const std::string& wanted) {
  if (wanted.empty()) return caller.mesh;
  BRIG_CHECK(check_name("mesh", wanted));
  if (caller.role == Caller::Role::admin || caller.mesh == wanted) return wanted;
  return Error{Code::denied,
               caller.mesh.empty()
                   ? "mesh " + quoted(wanted) + " is not yours to name; use a token that was made for it"
                   : "your token is for mesh " + quoted(caller.mesh) + ", not for " + quoted(wanted),
               "session", false};
}

Result<void> check_owner(const std::string& owner) {
  auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  bool good = !owner.empty() && owner.size() <= 128 && plain(owner[0]) &&
              std::all_of(owner.begin(), owner.end(), [&](char c) {
                return plain(c) || std::string_view("-_.:@").find(c) != std::string_view::npos;
              });
  if (good && owner.starts_with(kPeerOwner))
    return Error{Code::invalid,
                 "owner " + quoted(owner) + " is what a peer's things belong to; name the peer instead",
                 "session", false};
  if (good) return {};
  return Error{
      Code::invalid,
      "owner " + quoted(owner) +
          " is not allowed; use a letter or digit, then up to 127 letters, digits, '-', '_', '.', ':' "
          "or '@', such as uid:1000 or alice@example.org",
      "session", false};
}

}  // namespace brig::session
