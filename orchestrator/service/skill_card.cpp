#include "service/skill_card.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/text.hpp"

namespace brig::service {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxDescription = 1024;

Error refuse(std::string message) {
  return {Code::invalid, "SKILL.md " + std::move(message), "service: skill", false};
}

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_indented(std::string_view line) {
  return line.starts_with(' ') || line.starts_with('\t');
}

// The lines between the first, "---", and the next such.
Result<std::vector<std::string_view>> front_matter(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text = text.substr(0, kMaxFrontMatter);
  std::vector<std::string_view> lines;
  for (auto line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    bool fence = line.starts_with("---") && trimmed(line.substr(3)).empty();
    if (lines.empty() && !fence) break;
    if (!lines.empty() && fence) {
      lines.erase(lines.begin());
      return lines;
    }
    lines.push_back(line);
  }
  if (lines.empty())
    return refuse(
        "does not begin with a line '---'; begin it with that, 'name: …', 'description: …' and another "
        "'---'");
  return refuse("has no second line '---' in its first 16 KiB, which ends what it says of itself");
}

// Within quotes that began at its first character; nothing may follow but a comment.
std::optional<std::string> unquoted(std::string_view text) {
  char quote = text.front();
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    char c = text[i];
    if (c == quote) {
      if (quote == '\'' && text.substr(i + 1).starts_with('\'')) {
        out += text[++i];
        continue;
      }
      auto rest = text.substr(i + 1);
      auto comment = trimmed(rest);
      if (comment.empty() || (comment.starts_with('#') && is_indented(rest))) return out;
      return std::nullopt;
    }
    if (quote == '"' && c == '\\') {
      constexpr std::string_view kMeans = "\"\\/nt", kIs = "\"\\/\n\t";
      auto at = ++i < text.size() ? kMeans.find(text[i]) : kMeans.npos;
      if (at == kMeans.npos) return std::nullopt;
      c = kIs[at];
    }
    out += c;
  }
  return std::nullopt;
}

void add_word(std::string& out, std::string_view word) {
  if (word.empty()) return;
  if (!out.empty()) out += ' ';
  out += word;
}

// A key's value: what stands behind it, and the lines below that are its own. Lines are folded into one.
std::optional<std::string> value_of(std::string_view first, const std::vector<std::string_view>& below) {
  first = trimmed(first);
  bool block = first.starts_with('|') || first.starts_with('>');
  if (block) {
    auto rest = trimmed(first.substr(1));
    if (!rest.empty() && rest != "-" && rest != "+") return std::nullopt;
    first = {};
  }
  std::string folded(first);
  for (auto line : below) add_word(folded, trimmed(line));
  if (block || folded.empty()) return folded;
  if (folded.front() == '"' || folded.front() == '\'') return unquoted(folded);
  // What begins something else in YAML, or what only looks like plain text.
  constexpr std::string_view kOthers = "[]{}&*!%@`,#?|>";
  if (kOthers.find(folded.front()) != kOthers.npos || folded.starts_with("- ")) return std::nullopt;
  if (folded.find(": ") != folded.npos || folded.ends_with(':')) return std::nullopt;
  return std::string(trimmed(folded.substr(0, folded.find(" #"))));
}

Result<void> check(const std::string& key, const std::string& value, std::size_t most) {
  if (value.empty()) return refuse("has an empty " + key + "; say what agents are told of the skill");
  if (value.size() > most)
    return refuse("has a " + key + " of over " + std::to_string(most) + " bytes; shorten it");
  if (!is_utf8(value)) return refuse("has a " + key + " that is no text in UTF-8");
  return {};
}

}  // namespace

Result<SkillCard> read_skill_card(std::string_view text) {
  BRIG_TRY(auto lines, front_matter(text));
  std::optional<std::string> name, description;
  for (std::size_t i = 0; i < lines.size();) {
    auto line = lines[i];
    auto number = std::to_string(++i + 1);
    std::vector<std::string_view> below;
    // A list may stand below its key without being indented.
    while (i < lines.size() && (is_indented(lines[i]) || lines[i].empty() || lines[i].starts_with("- ")))
      below.push_back(lines[i++]);
    if (trimmed(line).empty() || line.starts_with('#')) continue;
    auto colon = line.find(':');
    if (colon == line.npos || is_indented(line) ||
        (colon + 1 < line.size() && !is_indented(line.substr(colon + 1))))
      return refuse("has a line " + number + " that is not as in 'name: value': " + quoted(line, 80));
    auto key = line.substr(0, colon);
    if (key != "name" && key != "description") continue;
    auto& target = key == "name" ? name : description;
    if (target) return refuse("says its " + std::string(key) + " twice; the second is line " + number);
    target = value_of(line.substr(colon + 1), below);
    if (!target)
      return refuse("has a " + std::string(key) + " in line " + number +
                    " that is no plain text; put it between quotes, as in " + std::string(key) +
                    ": \"What it does: this\"");
  }
  if (!name) return refuse("says no name; add a line 'name: …' between its two lines '---'");
  if (!description)
    return refuse("says no description; add a line 'description: …' between its two lines '---'");
  BRIG_CHECK(check("name", *name, kMaxName));
  BRIG_CHECK(check("description", *description, kMaxDescription));
  return SkillCard{printable(*name, kMaxName * 4), printable(*description, kMaxDescription * 4)};
}

}  // namespace brig::service
