// diff, and what it has in common with apply.
#include "cli/commands/changes.hpp"

#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/pager.hpp"
#include "cli/patch_view.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxAnswer = 256u << 20;
constexpr Millis kLookFor = std::chrono::minutes(10);

Colour colour_of(const std::string& kind) {
  if (kind == "added") return Colour::green;
  if (kind == "deleted") return Colour::red;
  if (kind == "renamed") return Colour::blue;
  return Colour::yellow;
}

std::string side_text(const nlohmann::json& change, const char* side, const char* key) {
  auto at = change.find(side);
  return at == change.end() ? "" : text_of(*at, key);
}

// "0644 → 0755", "file → symlink", "fifo": what the name alone does not tell.
std::string remark_of(const nlohmann::json& change) {
  auto was = side_text(change, "before", "kind"), is = side_text(change, "after", "kind");
  auto old_mode = side_text(change, "before", "mode"), new_mode = side_text(change, "after", "mode");
  std::string remark;
  auto add = [&](const std::string& text) { remark += (remark.empty() ? "" : ", ") + text; };
  if (!was.empty() && !is.empty() && was != is) {
    add(was + " → " + is);
  } else if (auto kind = is.empty() ? was : is; kind != "file" && kind != "directory") {
    add(kind);
  }
  if (was == is && is != "symlink" && old_mode != new_mode) add("mode " + old_mode + " → " + new_mode);
  if (was.empty() && !new_mode.empty() && new_mode[0] != '0' && is != "symlink") add("mode " + new_mode);
  if (auto trouble = text_of(change, "trouble"); !trouble.empty()) add(trouble);
  return remark;
}

std::string name_of(const nlohmann::json& change) {
  auto name = text_of(change, "path"), from = text_of(change, "from");
  auto kind = side_text(change, change.contains("after") ? "after" : "before", "kind");
  return (from.empty() ? "" : from + " → ") + name + (kind == "directory" ? "/" : "");
}

// A directory that came or went with what is in it is told by what is in it.
bool goes_without_saying(const nlohmann::json& list, std::size_t i) {
  const auto& change = list[i];
  auto kind = text_of(change, "kind");
  if (kind == "modified" || i + 1 == list.size() || !text_of(change, "trouble").empty()) return false;
  if (side_text(change, kind == "added" ? "after" : "before", "kind") != "directory") return false;
  for (std::size_t next = i + 1; next < list.size(); ++next) {
    if (!text_of(list[next], "path").starts_with(text_of(change, "path") + "/")) return false;
    if (text_of(list[next], "kind") == kind) return true;
  }
  return false;
}

Result<int> diff(Context& context, const Arguments& arguments) {
  bool stat = arguments.has("stat"), summary = arguments.has("summary"), json = arguments.json();
  if (stat + summary + json > 1)
    return Error{Code::invalid, "--stat, --summary and --json exclude each other; say one", "cli", false};
  const auto& session = arguments.positionals()[0];
  std::vector<std::string> paths(arguments.positionals().begin() + 1, arguments.positionals().end());
  BRIG_TRY(Client * client, context.client());
  bool terminal = ::isatty(STDOUT_FILENO);
  if (!json && !stat && !summary) {
    Pager pager(context.environment());
    BRIG_CHECK(print_patch(*client, session, paths, context.out(), terminal));
    return 0;
  }
  BRIG_TRY(auto changes, fetch_changes(*client, session, paths, stat || json));
  if (json) {
    print_json(changes);
    return 0;
  }
  auto width = terminal ? window_size(STDOUT_FILENO).value_or(WindowSize{}).cols : std::uint16_t{80};
  auto text = stat ? stat_of(changes, context.out(), width) : summary_of(changes, context.out());
  Pager pager(context.environment());
  print(text);
  return 0;
}

constexpr PositionalSpec kSessionAndPaths[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "PATH", .help = "files or directories of the project; none: all of it", .arity = Arity::any},
};
constexpr OptionSpec kDiffOptions[] = {
    {.flags = "--stat", .help = "how many lines of which file"},
    {.flags = "--summary", .help = "which files, and what became of them"},
    {.flags = "--json", .help = "print JSON"},
};
constexpr Example kDiffExamples[] = {
    {"brig diff fix", "the patch, in your pager"},
    {"brig diff fix --stat src", "what changed in src, in figures"},
    {"brig diff fix | git apply", "take the text files over by hand"},
};

}  // namespace

std::string spelled(std::string_view typed) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  while (!typed.empty()) {
    std::size_t n = 1;
    while (n <= 4 && n <= typed.size() && !is_utf8(typed.substr(0, n))) ++n;
    if (n <= 4 && n <= typed.size() && static_cast<unsigned char>(typed[0]) >= 0x20) {
      out += typed.substr(0, n);
    } else {
      n = 1;
      auto byte = static_cast<unsigned char>(typed[0]);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
    typed.remove_prefix(n);
  }
  return out;
}

std::string changes_query(const std::vector<std::string>& paths) {
  std::string query;
  for (const auto& path : paths) query += "&path=" + percent_encode(spelled(path));
  return query;
}

Result<nlohmann::json> fetch_changes(Client& client, const std::string& session,
                                     const std::vector<std::string>& paths, bool lines) {
  std::string body;
  bool fits = true;
  auto collect = [&](std::string_view part) {
    fits = body.size() + part.size() <= kMaxAnswer;
    if (fits) body += part;
    return fits;
  };
  BRIG_CHECK(client.stream(
      "GET", session_path(session) + "/changes?lines=" + (lines ? "1" : "0") + changes_query(paths), nullptr,
      collect, kLookFor));
  auto json = fits ? nlohmann::json::parse(body, nullptr, false) : nlohmann::json();
  if (!json.is_object()) return Error{Code::protocol, "brigd's answer is no list of changes", "cli", false};
  return json;
}

std::string summary_of(const nlohmann::json& changes, const Style& style) {
  const auto& list = list_of(changes, "changes");
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (goes_without_saying(list, i)) continue;
    auto kind = text_of(list[i], "kind");
    auto remark = remark_of(list[i]);
    kind.resize(std::max<std::size_t>(kind.size(), 8), ' ');
    out += style.paint(colour_of(text_of(list[i], "kind")), printable(kind, 64)) + "  " +
           printable(name_of(list[i]), 8192) +
           (remark.empty() ? "" : "  " + style.paint(Colour::dim, "(" + printable(remark) + ")")) + "\n";
  }
  return out;
}

std::string stat_of(const nlohmann::json& changes, const Style& style, std::size_t width) {
  struct Row {
    std::string name, figure;
    std::uint64_t added = 0, deleted = 0;
    bool graph = false;
  };
  const auto& list = list_of(changes, "changes");
  std::vector<Row> rows;
  std::uint64_t added = 0, deleted = 0, most = 0;
  std::size_t names = 0, figures = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (goes_without_saying(list, i)) continue;
    Row row;
    row.name = printable(name_of(list[i]), 8192);
    auto lines = list[i].find("lines");
    bool counted = lines != list[i].end() && lines->is_object();
    bool binary = counted && lines->contains("binary") && (*lines)["binary"] == true;
    if (counted) row.added = number_of(*lines, "added"), row.deleted = number_of(*lines, "deleted");
    row.graph = row.added + row.deleted > 0;
    row.figure = binary ? "binary" : std::to_string(row.added + row.deleted);
    added += row.added;
    deleted += row.deleted;
    most = std::max(most, row.added + row.deleted);
    if (auto remark = remark_of(list[i]); !remark.empty()) row.figure += "  (" + printable(remark) + ")";
    names = std::max(names, display_width(row.name));
    if (row.graph) figures = std::max(figures, row.figure.size());
    rows.push_back(std::move(row));
  }
  std::size_t room = width > names + figures + 8 ? width - names - figures - 8 : 10;
  std::string out;
  for (const auto& row : rows) {
    out += " " + row.name + std::string(names - display_width(row.name), ' ') + " | ";
    if (row.graph) {
      auto scaled = [&](std::uint64_t n) {
        if (most <= room || n == 0) return n;
        return std::max<std::uint64_t>(1, n * room / most);
      };
      out += std::string(figures - std::min(figures, row.figure.size()), ' ') + row.figure + " " +
             style.paint(Colour::green, std::string(scaled(row.added), '+')) +
             style.paint(Colour::red, std::string(scaled(row.deleted), '-')) + "\n";
    } else {
      out += row.figure + "\n";
    }
  }
  auto counted = [](std::uint64_t n, const char* one, const char* many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
  };
  out += " " + counted(rows.size(), "file changed", "files changed");
  if (added > 0) out += ", " + counted(added, "insertion(+)", "insertions(+)");
  if (deleted > 0) out += ", " + counted(deleted, "deletion(-)", "deletions(-)");
  return out + "\n";
}

Result<void> print_patch(Client& client, const std::string& session, const std::vector<std::string>& paths,
                         const Style& style, bool for_terminal) {
  PatchView view(style);
  auto query = changes_query(paths);
  if (!query.empty()) query[0] = '?';
  auto show = [&](std::string_view part) {
    print(for_terminal ? view.feed(part) : std::string(part));
    return flush_output().ok();
  };
  BRIG_CHECK(client.stream("GET", session_path(session) + "/changes/patch" + query, nullptr, show, kLookFor));
  if (for_terminal) print(view.finish());
  return {};
}

constexpr CommandSpec kDiff = {
    .name = "diff",
    .summary = "Show what a session changed in its workspace.",
    .description =
        "Compared with the project as it is now. Paths are those of the project; a name that is no text is "
        "written with \\xNN for its bytes, as brig shows it.",
    .positionals = kSessionAndPaths,
    .options = kDiffOptions,
    .examples = kDiffExamples,
    .run = diff,
};

}  // namespace brig::cli
