// Which of a server's tools pass: those that its lists let through, and only as they were when somebody
// approved of them.
//
// A tool's fingerprint covers all that a client is shown of it: name, description, schemas, annotations and
// whatever else stands beside them. Two ways to write the same JSON have one fingerprint; everything that may
// mean something else to somebody has another one. What cannot be read, or is listed twice, does not pass,
// nor does anything where the lists themselves do not read.
//
// What a server says of itself (its `instructions`), which models read too, stands among its tools under the
// name kInstructions: no tool of that name can be read.
//
// Threads: any; values in, a decision out. Failure: as Result, naming the field.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::service {

// What becomes of tools that are new or have changed since they were approved.
enum class Pinning {
  automatic,  // they pass
  ask,        // those of a service's first start pass; later ones wait for approval
  strict,     // all wait for the approval of somebody who manages the mesh's permissions
};
inline constexpr std::string_view kPinningWords[] = {"auto", "ask", "strict"};
std::string_view to_string(Pinning pinning);

// Names, or beginnings of names with a '*' after them. What `deny` has does not pass, whatever `allow` says.
// What a server says of itself has no need to be allowed.
struct ToolLists {
  std::vector<std::string> allow;  // empty: all
  std::vector<std::string> deny;
  bool operator==(const ToolLists&) const = default;
};
inline constexpr std::size_t kMaxToolPatterns = 256;
inline constexpr std::size_t kMaxToolPattern = 128;

Result<void> check_lists(const ToolLists& lists);
bool lets_through(const ToolLists& lists, std::string_view tool);
std::string to_json(const ToolLists& lists);
// What does not read lets nothing through.
ToolLists lists_from_json(std::string_view text);

// The same for equal values, whatever white space and order they were written in.
Result<std::string> canonical(std::string_view json);
// SHA-256 of it, in hex.
std::string fingerprint_of(std::string_view canonical);

// A tool as its server lists it now.
struct ListedTool {
  std::string name;
  std::string json;         // as it came
  std::string fingerprint;  // empty: it cannot be read
};
std::vector<ListedTool> read_tools(std::vector<std::pair<std::string, std::string>> tools);

inline constexpr std::string_view kInstructions = "@instructions";
// `literal`: a JSON string, as it came.
ListedTool read_instructions(std::string_view literal);

enum class Standing {
  open,        // it passes
  denied,      // by the lists
  fresh,       // nobody has approved of it
  changed,     // it is not as it was approved
  unreadable,  // it cannot be told what it is
};
std::string_view to_string(Standing standing);

// By name, the fingerprints that were approved.
using Pins = std::map<std::string, std::string>;

Standing standing_of(const ListedTool& tool, const ToolLists& lists, const Pins& pins, Pinning pinning);

struct ToolChange {
  std::string member;
  std::string before;  // JSON; empty: it was not there
  std::string after;   // JSON; empty: it is gone
};
// Of two canonical tools, by member.
std::vector<ToolChange> changes_between(std::string_view before, std::string_view after);

}  // namespace brig::service
