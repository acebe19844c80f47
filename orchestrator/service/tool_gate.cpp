#include "service/tool_gate.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/random.hpp"
#include "core/text.hpp"
#include "mcp/json.hpp"

namespace brig::service {
namespace {

constexpr std::size_t kMaxMembers = 10'000;
// Reading one costs its size times its depth, on the loop, as often as a server says that it has changed.
constexpr std::size_t kMaxTool = 256 << 10;
constexpr std::size_t kMaxTools = 4 << 20;  // all of a server's; what is over that cannot be read
constexpr int kMaxNested = 32;

Result<void> check_list(std::string_view field, const std::vector<std::string>& patterns) {
  auto bad = [&](const std::string& what) {
    return Error{Code::invalid, std::string(field) + " " + what, "service: tools", false};
  };
  if (patterns.size() > kMaxToolPatterns)
    return bad("has " + std::to_string(patterns.size()) + " names; at most " +
               std::to_string(kMaxToolPatterns) + " are possible");
  for (const auto& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kMaxToolPattern || printable(pattern) != pattern)
      return bad(quoted(pattern) + " is no tool's name; write 1 to " + std::to_string(kMaxToolPattern) +
                 " printable characters");
    if (auto star = pattern.find('*'); star != pattern.npos && star + 1 != pattern.size())
      return bad(quoted(pattern) + " has a '*' before its end; write the beginning of a name and one '*'");
  }
  return {};
}

bool fits(const std::string& pattern, std::string_view tool) {
  if (!pattern.ends_with('*')) return pattern == tool;
  return tool.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
}

bool any_fits(const std::vector<std::string>& patterns, std::string_view tool) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return fits(p, tool); });
}

// A key as written, or as it would be if nothing of it were escaped: "name" and "n\u0061me" are one.
std::string key_text(std::string_view key) {
  auto said = mcp::json::text(key);
  return said ? mcp::json::literal(*said) : std::string(key);
}

// By key. A schema may have properties that differ in case alone, but not one of them twice.
Result<std::vector<std::pair<std::string, std::string_view>>> members_of(std::string_view object) {
  std::vector<std::pair<std::string, std::string_view>> out;
  for (const auto& member : mcp::json::leading_members(object, kMaxMembers + 1))
    out.emplace_back(key_text(member.key), member.value);
  std::sort(out.begin(), out.end());
  auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (out.size() <= kMaxMembers && std::adjacent_find(out.begin(), out.end(), same) == out.end()) return out;
  return Error{Code::invalid, "an object has a member twice, or more than " + std::to_string(kMaxMembers),
               "service: tools", false};
}

// Strings stand for what they say, all else for how it is written: 1.0 and 1 may not be the same to somebody.
Result<void> write(std::string& out, std::string_view value, int depth) {
  value = mcp::json::trimmed(value);
  if (depth > kMaxNested) return Error{Code::invalid, "the JSON is nested too deep", "service: tools", false};
  switch (mcp::json::type_of(value)) {
    case mcp::json::Type::object: {
      BRIG_TRY(auto sorted, members_of(value));
      out += '{';
      for (const auto& [key, inner] : sorted) {
        if (out.back() != '{') out += ',';
        out += key + ':';
        BRIG_CHECK(write(out, inner, depth + 1));
      }
      out += '}';
      return {};
    }
    case mcp::json::Type::array: {
      BRIG_TRY(auto elements, mcp::json::elements(value, kMaxMembers));
      out += '[';
      for (auto element : elements) {
        if (out.back() != '[') out += ',';
        BRIG_CHECK(write(out, element, depth + 1));
      }
      out += ']';
      return {};
    }
    case mcp::json::Type::string:
      out += key_text(value);
      return {};
    default:
      out += value;
      return {};
  }
}

}  // namespace

std::string_view to_string(Pinning pinning) {
  return kPinningWords[static_cast<std::size_t>(pinning)];
}

std::string_view to_string(Standing standing) {
  constexpr std::string_view kWords[] = {"open", "denied", "new", "changed", "unreadable"};
  return kWords[static_cast<std::size_t>(standing)];
}

Result<void> check_lists(const ToolLists& lists) {
  BRIG_CHECK(check_list("allow", lists.allow));
  return check_list("deny", lists.deny);
}

bool lets_through(const ToolLists& lists, std::string_view tool) {
  if (any_fits(lists.deny, tool)) return false;
  return lists.allow.empty() || tool == kInstructions || any_fits(lists.allow, tool);
}

std::string to_json(const ToolLists& lists) {
  return nlohmann::json{{"allow", lists.allow}, {"deny", lists.deny}}.dump();
}

ToolLists lists_from_json(std::string_view text) {
  const ToolLists nothing{{}, {"*"}};
  auto in = nlohmann::json::parse(text, nullptr, false);
  if (!in.is_object() || in.size() != 2) return nothing;
  ToolLists out;
  for (auto [name, into] : {std::pair{"allow", &out.allow}, {"deny", &out.deny}}) {
    auto list = in.find(name);
    if (list == in.end() || !list->is_array()) return nothing;
    for (const auto& pattern : *list) {
      if (!pattern.is_string()) return nothing;
      into->push_back(pattern.get<std::string>());
    }
  }
  return check_lists(out) ? out : nothing;
}

Result<std::string> canonical(std::string_view json) {
  if (json.size() > kMaxTool)
    return Error{Code::too_large, "the tool is over 256 KiB", "service: tools", false};
  BRIG_CHECK(mcp::json::check(json));
  std::string out;
  BRIG_CHECK(write(out, json, 0));
  return out;
}

std::string fingerprint_of(std::string_view canonical) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(canonical.data()), canonical.size());
  return hex(hash);
}

std::vector<ListedTool> read_tools(std::vector<std::pair<std::string, std::string>> tools) {
  std::map<std::string, int> times;
  for (const auto& [name, json] : tools) ++times[name];
  std::vector<ListedTool> out;
  std::size_t total = 0;
  for (auto& [name, json] : tools) {
    total += json.size();
    std::string fingerprint;
    if (times[name] == 1 && total <= kMaxTools && name != kInstructions)
      if (auto text = canonical(json)) fingerprint = fingerprint_of(*text);
    out.push_back({std::move(name), std::move(json), std::move(fingerprint)});
  }
  return out;
}

ListedTool read_instructions(std::string_view literal) {
  ListedTool out{std::string(kInstructions), "{\"instructions\":" + std::string(literal) + "}", ""};
  if (auto text = canonical(out.json)) out.fingerprint = fingerprint_of(*text);
  return out;
}

Standing standing_of(const ListedTool& tool, const ToolLists& lists, const Pins& pins, Pinning pinning) {
  if (tool.fingerprint.empty()) return Standing::unreadable;
  if (!lets_through(lists, tool.name)) return Standing::denied;
  if (pinning == Pinning::automatic) return Standing::open;
  auto pin = pins.find(tool.name);
  if (pin == pins.end()) return Standing::fresh;
  return pin->second == tool.fingerprint ? Standing::open : Standing::changed;
}

std::vector<ToolChange> changes_between(std::string_view before, std::string_view after) {
  std::map<std::string, ToolChange> found;
  auto put = [&](std::string_view tool, std::string ToolChange::*side) {
    // All of them, also those that differ in case alone.
    for (const auto& member : mcp::json::leading_members(tool, kMaxMembers)) {
      auto name = mcp::json::text(member.key).value_or(std::string(member.key));
      found[name].member = name;
      found[name].*side = member.value;
    }
  };
  if (!before.empty()) put(before, &ToolChange::before);
  put(after, &ToolChange::after);
  std::vector<ToolChange> out;
  for (auto& [name, change] : found)
    if (change.before != change.after) out.push_back(std::move(change));
  return out;
}

}  // namespace brig::service
