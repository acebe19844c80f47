#include "review/screen.hpp"

#include <wctype.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"
#include "review/names.hpp"
#include "review/patch.hpp"

namespace brig::review {
namespace {

// Decodes one character of valid UTF-8.
char32_t take_character(std::string_view& text) {
  auto first = static_cast<unsigned char>(text[0]);
  std::size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (n > text.size()) n = 1;
  char32_t out = n == 1 ? first : first & (0xffu >> (n + 1));
  for (std::size_t i = 1; i < n; ++i) out = out << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  text.remove_prefix(n);
  return out;
}

// Characters that HFS+ passes over in names, and others that show nothing.
bool is_passed_over(char32_t c) {
  return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
         c == 0xfeff || c == 0x00ad;
}

void put_character(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
  } else if (c < 0x10000) {
    out += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
            static_cast<char>(0x80 | (c & 0x3f))};
  } else {
    out += {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3f)),
            static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
  }
}

// Towlower of the C locale knows ASCII alone.
char32_t lower(char32_t c) {
  static const locale_t kUnicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kUnicode               ? static_cast<char32_t>(::towlower_l(static_cast<wint_t>(c), kUnicode))
         : c >= 'A' && c <= 'Z' ? c + 32
                                : c;
}

bool part_matches(std::string_view pattern, std::string_view part) {
  if (pattern == "*") return true;
  if (pattern.starts_with('*')) return part.size() >= pattern.size() && part.ends_with(pattern.substr(1));
  return part == pattern;
}

using Parts = std::span<const std::string>;

bool parts_match(Parts pattern, Parts path) {
  if (pattern.empty()) return path.empty();
  if (pattern[0] == "**") {
    for (std::size_t skip = 0; skip <= path.size(); ++skip) {
      if (parts_match(pattern.subspan(1), path.subspan(skip))) return true;
    }
    return false;
  }
  return !path.empty() && part_matches(pattern[0], path[0]) &&
         parts_match(pattern.subspan(1), path.subspan(1));
}

std::vector<std::string> folded_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (auto part : split(path, '/')) {
    auto name = part == "**" ? std::string(part) : folded(part);
    // Windows's short name for it.
    parts.push_back(name == "git~1" ? ".git" : name);
  }
  return parts;
}

bool matches_anywhere(Parts pattern, Parts path) {
  for (std::size_t from = 0; from < path.size(); ++from) {
    if (parts_match(pattern, path.subspan(from))) return true;
  }
  return false;
}

// Where a link of the agent's leads, told from its text: links on its way may lead anywhere.
std::string_view concern_about_target(std::string_view path, std::string_view target) {
  if (target.starts_with('/')) return "a link to an absolute path, which is another file on the host";
  auto depth = static_cast<std::ptrdiff_t>(split(path, '/').size()) - 1;
  bool down = false;
  for (auto part : split(target, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      down = true;
      continue;
    }
    if (down) return "a link that goes down and up again, so that it cannot be told where it leads";
    if (--depth < 0) return "a link that leads out of the project";
  }
  return {};
}

// The members of package.json and composer.json by which programs run at installing or committing.
constexpr std::array<const char*, 6> kRunning = {"scripts",     "husky",   "simple-git-hooks",
                                                 "lint-staged", "gypfile", "packageManager"};

std::string_view concern_about_package(const std::string& before, const std::string& after) {
  auto parse = [](const std::string& text) { return nlohmann::json::parse(text, nullptr, false); };
  auto now = parse(after), then = before.empty() ? nlohmann::json::object() : parse(before);
  if (!now.is_object()) return "no JSON that can be read, so what it runs cannot be told";
  for (const auto* key : kRunning) {
    auto value = [&](const nlohmann::json& json) {
      return json.is_object() && json.contains(key) ? json[key] : nlohmann::json();
    };
    if (value(now) != value(then)) return "its scripts have changed, and run when packages are installed";
  }
  return {};
}

class Screening {
 public:
  Screening(const Trees& trees, const std::vector<Operation>& operations, const ReadContent& content)
      : trees_(trees), operations_(operations), content_(content) {
    for (const auto& rule : screening_rules()) rules_.push_back({folded_parts(rule.pattern), rule.reason});
    for (const auto& o : operations) {
      if (o.after == 0) gone_.insert(o.path);
      if (o.after != 0 && !o.before.exists())
        added_[std::string(parent_of(o.path))].insert(std::string(name_of(o.path)));
    }
  }

  Result<std::vector<Concern>> run() {
    for (std::size_t i = 0; i < operations_.size(); ++i) BRIG_CHECK(look_at(i));
    return std::move(concerns_);
  }

 private:
  void raise(const Operation& o, std::string_view reason, bool never = false) {
    concerns_.push_back({o.path, std::string(reason), never});
  }

  Result<void> look_at(std::size_t i) {
    const auto& o = operations_[i];
    if (S_ISSOCK(o.after) || S_ISCHR(o.after) || S_ISBLK(o.after)) {
      raise(o, "a socket or device, which cannot be applied", true);
      return {};
    }
    if (auto rule = rule_for(o); !rule.empty()) {
      raise(o, rule);
    } else if (S_ISFIFO(o.after)) {
      raise(o, "a named pipe: whoever opens it waits");
    } else if (!S_ISDIR(o.after) && (o.after & (S_ISUID | S_ISGID)) != 0) {
      raise(o, "a set-id bit: it runs with its owner's rights, whoever runs it");
    } else if (auto leads = S_ISLNK(o.after) ? concern_about_target(o.path, o.target) : ""; !leads.empty()) {
      raise(o, leads);
    } else if (S_ISREG(o.after)) {
      BRIG_CHECK(look_inside(i));
    }
    return o.after != 0 && !o.before.exists() ? look_for_twins(o) : Result<void>();
  }

  std::string_view rule_for(const Operation& o) const {
    auto parts = folded_parts(o.path);
    if (S_ISDIR(o.after) && (!o.before.exists() || S_ISDIR(o.before.mode))) return {};  // what is in it tells
    for (const auto& rule : rules_) {
      if (matches_anywhere(rule.pattern, parts)) return rule.reason;
    }
    auto git = std::find(parts.begin(), parts.end(), ".git");
    if (git == parts.end()) return {};
    if (git + 1 == parts.end()) return "it stands in the place of a git repository, and says where that is";
    if (S_ISLNK(o.after)) return "a link within a git repository";
    return {};
  }

  Result<void> look_inside(std::size_t i) {
    const auto& o = operations_[i];
    auto name = folded(name_of(o.path));
    if (name == "config" || name == "head") {
      BRIG_TRY(bool repository, is_repository(std::string(parent_of(o.path))));
      if (repository)
        raise(o,
              "part of a git repository within the project: git runs programs that its configuration names");
    }
    if (name != "package.json" && name != "composer.json") return {};
    auto after = content_(i);
    if (!after && after.error().code == Code::too_large) {
      raise(o, "too large to be looked into, so what it runs cannot be told");
      return {};
    }
    BRIG_CHECK(after);
    std::string before;
    if (S_ISREG(o.before.mode)) {
      BRIG_TRY(Found then, trees_.project.find(o.path));
      BRIG_TRY(Blob blob, read_blob(then));
      before = std::move(blob.bytes);
    }
    if (auto reason = concern_about_package(before, *after); !reason.empty()) raise(o, reason);
    return {};
  }

  // A directory that git would take for a bare repository.
  Result<bool> is_repository(const std::string& directory) const {
    for (const char* name : {"HEAD", "objects", "refs"}) {
      BRIG_TRY(Found found, trees_.workspace.find(joined(directory, name)));
      if (found.kind == Found::Kind::absent) return false;
    }
    return true;
  }

  // Names beside it that a file system without case would take for the same.
  Result<void> look_for_twins(const Operation& o) {
    auto directory = std::string(parent_of(o.path)), name = std::string(name_of(o.path));
    auto it = siblings_.find(directory);
    if (it == siblings_.end()) {
      std::multimap<std::string, std::string> names;
      BRIG_TRY(Found there, trees_.project.find(directory));
      std::set<std::string> all = added_[directory];
      if (there.kind == Found::Kind::directory) {
        BRIG_TRY(auto present, trees_.project.names(there.node, Tree::Layers::all));
        for (const auto& sibling : present) {
          if (!gone_.contains(joined(directory, sibling))) all.insert(sibling);
        }
      }
      for (const auto& sibling : all) names.emplace(folded(sibling), sibling);
      it = siblings_.emplace(directory, std::move(names)).first;
    }
    auto [begin, end] = it->second.equal_range(folded(name));
    for (; begin != end; ++begin) {
      if (begin->second == name) continue;
      raise(o, "differs from '" + spelled(begin->second) + "' beside it only by case or by what is not seen");
      break;
    }
    return {};
  }

  struct Prepared {
    std::vector<std::string> pattern;
    std::string_view reason;
  };
  const Trees& trees_;
  const std::vector<Operation>& operations_;
  const ReadContent& content_;
  std::vector<Prepared> rules_;
  std::set<std::string> gone_;
  std::map<std::string, std::set<std::string>> added_;
  std::map<std::string, std::multimap<std::string, std::string>> siblings_;
  std::vector<Concern> concerns_;
};

}  // namespace

std::string folded(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    std::size_t n = 1;
    while (n <= 4 && n <= name.size() && !is_utf8(name.substr(0, n))) ++n;
    if (n > 4 || n > name.size()) {
      out += name[0];
      name.remove_prefix(1);
      continue;
    }
    auto c = take_character(name);
    if (!is_passed_over(c)) put_character(out, lower(c));
  }
  while (out.size() > 1 && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  return out;
}

bool matches(std::string_view pattern, std::string_view path) {
  return matches_anywhere(folded_parts(pattern), folded_parts(path));
}

Result<std::vector<Concern>> screen(const Trees& trees, const std::vector<Operation>& operations,
                                    const ReadContent& content) {
  return Screening(trees, operations, content).run();
}

}  // namespace brig::review
