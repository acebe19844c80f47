// Between what the ledger keeps (text) and what it means: phases, outcomes, argument lists, labels.
//
// Threads: any. Failure: text that does not read back is `corrupt`; it can only come from a damaged ledger.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "session/sessions.hpp"
#include "store/rows.hpp"

namespace brig::session {

// A phase is a State or "removing"; a session being removed shows as `ending`.
inline constexpr std::string_view kRemoving = "removing";
State state_of(std::string_view phase);

std::string outcome_to_json(const Outcome& outcome);
Result<Outcome> outcome_from_json(const std::string& text);

std::string strings_to_json(std::span<const std::string> values);
Result<std::vector<std::string>> strings_from_json(const std::string& text);

std::string labels_to_json(const std::map<std::string, std::string>& labels);
std::string mounts_to_json(const std::vector<SharedMount>& mounts);
Result<std::vector<SharedMount>> mounts_from_json(const std::string& text);
Result<std::map<std::string, std::string>> labels_from_json(const std::string& text);

// The session without its processes, and a process without the extent of its output.
Result<View> view_of(const store::SessionRow& row);
Result<ProcessView> view_of(const store::ProcessRow& row);

}  // namespace brig::session
