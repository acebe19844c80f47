// What a deployment asks for: checked, and as the ledger keeps it.
//
// Threads: any. Failure: Error{invalid} that names the field, the value and the rule; text that does not read
// back is `corrupt`, for only a damaged ledger has it.
#pragma once

#include "service/services.hpp"

namespace brig::service {

Result<void> check_spec(const Spec& spec);
Result<void> check_env(const std::map<std::string, Secret>& env);

// The vault's key that this value stands for; empty: it is the value itself.
std::string vault_key_of(const Secret& value);

std::string spec_to_json(const Spec& spec);
Result<Spec> spec_from_json(const std::string& text);
Secret env_to_text(const std::map<std::string, Secret>& env);
Result<std::map<std::string, Secret>> env_from_text(const Secret& text);

// "npm @scope/name@^1", "directory /srv/tools"; "" of what has no source, as before it was checked.
std::string source_text(const Spec& spec);
// Its first word.
std::string_view source_kind(const Spec& spec);

}  // namespace brig::service
