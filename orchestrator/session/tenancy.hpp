// Who sees and touches what: the one rule, asked wherever an object is looked up or listed.
//
// An admin sees everything; everybody else what is their owner's, and a caller confined to a mesh only what
// belongs to that mesh as well. What somebody may not see, they are told does not exist.
//
// Threads: any. Failure: as Result.
#pragma once

#include <string>

#include "session/sessions.hpp"

namespace brig::session {

bool may_see(const Caller& caller, const std::string& owner, const std::string& mesh);

// May name what is the host's beside its own: directories, images. Callers on the unix socket, and admins.
bool is_of_host(const Caller& caller);

// An image in a provider's place is whatever the engine has, so members of a mesh name none: it may be
// another mesh's.
Result<void> check_image_of(const Caller& caller, const std::string& image);

// The mesh of what this caller makes and asked to be in `wanted`: a caller of a mesh has no choice, an admin
// has, others belong to none.
Result<std::string> mesh_for(const Caller& caller, const std::string& wanted);

// Whose things a token may be minted for: "uid:1000", or letters, digits, '-', '_', '.', ':' and '@'.
Result<void> check_owner(const std::string& owner);

}  // namespace brig::session
