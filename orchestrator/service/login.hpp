// What the vault keeps for a repository or a registry.
//
// Threads: any. Failure: Error{invalid} that names the key, never its value.
#pragma once

#include "core/result.hpp"
#include "core/secret.hpp"

namespace brig::service {

struct Login {
  std::string user;
  Secret password;
};

// "user:password", or what takes the place of a password; then the user is `any`.
Result<Login> login_of(const Secret& kept, const std::string& key, std::string_view any);

}  // namespace brig::service
