#include "cli/help.hpp"

#include <algorithm>

#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kWidth = 96;

// Words of `text` in lines of at most kWidth, each after `indent` spaces; the first line continues `out`.
void flow(std::string& out, std::string_view text, std::size_t indent, std::size_t column) {
  for (auto word : split(text, ' ')) {
    if (column > indent && column + word.size() + 1 > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += display_width(word);
  }
  out += '\n';
}

struct Line {
  std::string left;
  std::string right;
};

std::string left_of(const OptionSpec& option) {
  std::string flags;
  bool has_short = option.flags[0] == '-' && option.flags[1] != '-';
  if (!has_short) flags += "    ";
  for (const char* c = option.flags; *c; ++c) {
    flags += *c;
    if (*c == ',') flags += ' ';
  }
  if (option.value) flags += std::string(" ") + option.value;
  return flags;
}

void section(std::string& out, const char* title, const std::vector<Line>& lines, const Style& style) {
  if (lines.empty()) return;
  std::size_t left = 0;
  for (const auto& line : lines) left = std::max(left, display_width(line.left));
  left = std::min<std::size_t>(left, 30);
  out += "\n" + style.paint(Colour::bold, title) + "\n";
  for (const auto& line : lines) {
    out += "  " + line.left;
    std::size_t column = 2 + display_width(line.left);
    if (column > left + 2) {
      out += "\n";
      column = 0;
    }
    out.append(left + 4 - column, ' ');
    flow(out, line.right, left + 4, left + 4);
  }
}

std::string right_of(const OptionSpec& option) {
  std::string text = option.help;
  if (option.many) text += " (may be repeated)";
  return text;
}

}  // namespace

std::string usage_line(const CommandSpec& command, const std::string& path) {
  std::string line = path;
  if (!command.commands.empty() && !command.run) return line + " COMMAND";
  if (!command.options.empty()) line += " [OPTIONS]";
  for (const auto& positional : command.positionals) {
    std::string name = positional.name;
    if (takes_many(positional)) name += "…";
    line += is_needed(positional) ? " " + name : " [" + name + "]";
  }
  if (command.rest) {
    std::string rest = std::string("-- ") + command.rest + "…";
    line += std::string(command.rest) == "CMD" ? " " + rest : " [" + rest + "]";
  }
  return line;
}

std::string help_text(const CommandSpec& command, const std::string& path, const Style& style) {
  std::string out;
  flow(out, command.summary, 0, 0);
  out += "\n" + style.paint(Colour::bold, "Usage") + "\n  " + usage_line(command, path) + "\n";
  if (!command.commands.empty() && command.run) out += "  " + path + " COMMAND\n";
  if (*command.description) {
    out += "\n";
    for (auto paragraph : split(command.description, '\n')) flow(out, paragraph, 0, 0);
  }
  std::vector<Line> lines;
  for (const auto* child : command.commands) {
    if (!child->hidden) lines.push_back({child->name, child->summary});
  }
  section(out, "Commands", lines, style);
  lines.clear();
  for (const auto& positional : command.positionals) lines.push_back({positional.name, positional.help});
  if (command.rest) lines.push_back({command.rest, command.rest_help});
  section(out, "Arguments", lines, style);
  lines.clear();
  const auto& root = root_command();
  if (&command != &root) {
    for (const auto& option : command.options) lines.push_back({left_of(option), right_of(option)});
    section(out, "Options", lines, style);
    lines.clear();
  }
  for (const auto& option : root.options) lines.push_back({left_of(option), right_of(option)});
  section(out, &command == &root ? "Options" : "Options of every command", lines, style);
  if (!command.examples.empty()) out += "\n" + style.paint(Colour::bold, "Examples") + "\n";
  for (const auto& example : command.examples) {
    out += "  " + std::string(example.line) + "\n      " + style.paint(Colour::dim, example.says) + "\n";
  }
  if (!command.commands.empty()) {
    out += "\n'" + path + " COMMAND --help' tells more about a command.\n";
  }
  return out;
}

}  // namespace brig::cli
