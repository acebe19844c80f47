#include "cli/top/screen.hpp"

#include <algorithm>
#include <functional>

#include "cli/commands/session_text.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kAround = 4;  // lines that are no session: summary, notice, titles, keys

struct Column {
  const char* title;
  std::size_t width;
  bool right;
  std::optional<UsageOrder> order;
  std::string (*text)(const SessionUsage&);
};

// From left to right; those that do not fit are left out from the right. The first eight make 80 columns.
const Column kColumns[] = {
    {"NAME", 17, false, UsageOrder::name, [](const SessionUsage& s) { return s.name; }},
    {"STATE", 9, false, UsageOrder::state, [](const SessionUsage& s) { return s.state; }},
    {"CPU", 5, true, UsageOrder::cpu, [](const SessionUsage& s) { return cpu_text(s.cpu); }},
    {"MEMORY", 9, true, UsageOrder::memory,
     [](const SessionUsage& s) { return s.memory.used ? format_size(*s.memory.used) : ""; }},
    {"TASKS", 5, true, UsageOrder::tasks,
     [](const SessionUsage& s) { return s.tasks.used ? std::to_string(*s.tasks.used) : ""; }},
    {"DISK", 9, true, UsageOrder::disk,
     [](const SessionUsage& s) { return s.disk.used ? format_size(*s.disk.used) : ""; }},
    {"OUT", 9, true, UsageOrder::traffic, [](const SessionUsage& s) { return rate_text(s.sent); }},
    {"IN", 9, true, UsageOrder::traffic, [](const SessionUsage& s) { return rate_text(s.received); }},
    {"AGE", 4, true, UsageOrder::age, [](const SessionUsage& s) { return age(s.created); }},
    {"PROVIDER", 10, false, std::nullopt, [](const SessionUsage& s) { return s.provider; }},
    {"ON IT", 5, true, std::nullopt,
     [](const SessionUsage& s) { return s.attached == 0 ? "" : std::to_string(s.attached); }},
    {"MESH", 10, false, std::nullopt, [](const SessionUsage& s) { return s.mesh; }},
    {"OWNER", 12, false, std::nullopt, [](const SessionUsage& s) { return s.owner; }},
    {"PROJECT", 30, false, std::nullopt, [](const SessionUsage& s) { return s.project; }},
};

// Cut to `width` columns, with a mark where something is missing.
std::string fitted(std::string_view text, std::size_t width) {
  auto clean = printable(text, 512);
  if (display_width(clean) <= width) return clean;
  while (!clean.empty() && (!is_utf8(clean) || display_width(clean) + 1 > width)) clean.pop_back();
  return width == 0 ? "" : clean + "…";
}

std::string padded(std::string_view text, std::size_t width, bool right) {
  auto cell = fitted(text, width);
  std::string space(width - std::min(width, display_width(cell)), ' ');
  return right ? space + cell : cell + space;
}

std::vector<const Column*> columns_for(std::size_t width) {
  std::vector<const Column*> out;
  std::size_t taken = 0;
  for (const auto& column : kColumns) {
    auto more = column.width + (out.empty() ? 0 : 1);
    if (taken + more > width) break;
    taken += more;
    out.push_back(&column);
  }
  return out;
}

// Little is left of what it may use.
bool is_near(const UsedOf& amount) {
  return amount.used && amount.limit && *amount.used > *amount.limit / 10 * 9;
}

Colour colour_of(const Column& column, const SessionUsage& session) {
  std::string_view title = column.title;
  if (title == "NAME") return Colour::bold;
  if (title == "STATE") return state_colour(session.state);
  bool near = (title == "MEMORY" && is_near(session.memory)) ||
              (title == "TASKS" && is_near(session.tasks)) || (title == "DISK" && is_near(session.disk)) ||
              (title == "CPU" && session.cpu && session.cpus && *session.cpu > *session.cpus * 0.9);
  return near ? Colour::red : Colour::plain;
}

std::string summary(const Screen& screen) {
  double cpu = 0;
  std::uint64_t memory = 0, questions = 0, open = 0;
  std::size_t running = 0;
  for (const auto& session : screen.sessions) {
    cpu += session.cpu.value_or(0);
    memory += session.memory.used.value_or(0);
    questions += session.questions;
    open += session.open;
    running += session.state == "running";
  }
  auto count = screen.sessions.size();
  std::string out = std::to_string(count) + (count == 1 ? " session" : " sessions") + ", " +
                    std::to_string(running) + " running";
  if (screen.hidden > 0) out += " (" + std::to_string(screen.hidden) + " hidden)";
  out += "   CPU " + cpu_text(cpu) + "   memory " + format_size(memory);
  if (open > 0) out += "   connections " + std::to_string(open);
  if (questions > 0) out += "   WAITING FOR YOUR WORD " + std::to_string(questions);
  return out;
}

std::string titles(const Screen& screen, const std::vector<const Column*>& columns) {
  std::string out;
  for (const auto* column : columns) {
    std::string title = column->title;
    bool sorted = column->order == screen.order && (title != "IN");
    if (sorted) title += screen.turned ? "▴" : "▾";
    if (!out.empty()) out += ' ';
    out += padded(title, column->width, column->right);
  }
  return out;
}

std::string line_of(const SessionUsage& session, const std::vector<const Column*>& columns, bool selected,
                    const Style& style, std::size_t width) {
  // Without colours the selected one must be told by something else.
  bool marked = selected && !style.on();
  std::string out;
  for (const auto* column : columns) {
    if (!out.empty()) out += ' ';
    bool mark = marked && out.empty();
    auto cell = padded((mark ? ">" : "") + column->text(session), column->width, column->right);
    out += selected ? cell : style.paint(colour_of(*column, session), cell);
  }
  if (!selected || marked) return out;
  out.append(width - std::min(width, display_width(out)), ' ');
  return "\x1b[7m" + out + "\x1b[0m";
}

std::string notice_of(const Screen& screen, const Style& style, std::size_t width) {
  if (screen.typing) return fitted("filter: " + screen.filter + "_", width);
  if (!screen.notice.empty())
    return style.paint(screen.trouble ? Colour::red : Colour::yellow, fitted(screen.notice, width));
  if (!screen.filter.empty()) return fitted("only " + quoted(screen.filter) + "; esc shows all", width);
  auto at = screen.index();
  if (at >= screen.sessions.size()) return "";
  const auto& session = screen.sessions[at];
  if (session.questions > 0)
    return style.paint(
        Colour::yellow,
        fitted(session.name + " waits for your word: brig egress show " + session.name, width));
  return style.paint(Colour::dim, fitted(session.reason, width));
}

}  // namespace

std::size_t Screen::index() const {
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    if (sessions[i].id == selected) return i;
  }
  return 0;
}

void scroll(Screen& screen, WindowSize size) {
  std::size_t room = size.rows > kAround ? size.rows - kAround : 1;
  auto at = screen.index();
  if (at < screen.first) screen.first = at;
  if (at >= screen.first + room) screen.first = at - room + 1;
  auto last = screen.sessions.size() > room ? screen.sessions.size() - room : 0;
  screen.first = std::min(screen.first, last);
}

std::vector<std::string> draw(const Screen& screen, WindowSize size, const Style& style) {
  auto columns = columns_for(size.cols);
  std::vector<std::string> out;
  std::size_t room = size.cols > screen.time.size() ? size.cols - screen.time.size() - 1 : 0;
  out.push_back(size.cols > screen.time.size() ? padded(summary(screen), room, false) + " " + screen.time
                                               : fitted(summary(screen), size.cols));
  out.push_back(notice_of(screen, style, size.cols));
  out.push_back(style.paint(Colour::bold, titles(screen, columns)));
  auto at = screen.index();
  for (auto i = screen.first; i < screen.sessions.size() && out.size() + 1 < size.rows; ++i)
    out.push_back(line_of(screen.sessions[i], columns, i == at, style, size.cols));
  if (screen.sessions.empty() && out.size() + 1 < size.rows)
    out.push_back(fitted(
        screen.hidden > 0 ? "none fits the filter" : "nothing runs; 'brig run shell' starts one", size.cols));
  while (out.size() + 1 < size.rows) out.push_back("");
  out.resize(size.rows > 0 ? size.rows - 1u : 0u);
  out.push_back(style.paint(
      Colour::dim,
      fitted("↑↓ select  s sort  r turn  / filter  a attach  l logs  p pause  x stop  q quit", size.cols)));
  return out;
}

}  // namespace brig::cli
