#include <string>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// Text that roff shall print as it stands.
std::string roff(std::string_view text) {
  constexpr std::string_view kEllipsis = "…";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kEllipsis)) {
      out += "...";
      i += kEllipsis.size() - 1;
      continue;
    }
    char c = text[i];
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else
      out += c;
  }
  if (out.starts_with('.')) out.insert(0, "\\&");
  return out;
}

void options(std::string& out, std::span<const OptionSpec> list) {
  for (const auto& option : list) {
    out += ".TP\n.B ";
    for (auto flag : split(option.flags, ',')) {
      if (!out.ends_with(' ')) out += ", ";
      out += roff(flag);
    }
    if (option.value) out += " \\fI" + roff(option.value) + "\\fR";
    out += "\n" + roff(option.help) + (option.many ? " (may be repeated)" : "") + "\n";
  }
}

void command(std::string& out, const CommandSpec& spec, const std::string& path) {
  if (spec.hidden) return;
  if (!spec.commands.empty()) {
    for (const auto* child : spec.commands) command(out, *child, path + " " + child->name);
    return;
  }
  out += ".SS " + roff(usage_line(spec, path)) + "\n" + roff(spec.summary) + "\n";
  if (*spec.description) {
    for (auto paragraph : split(spec.description, '\n')) out += ".PP\n" + roff(paragraph) + "\n";
  }
  for (const auto& positional : spec.positionals) {
    out += ".TP\n.I " + roff(positional.name) + "\n" + roff(positional.help) + "\n";
  }
  if (spec.rest) out += std::string(".TP\n.I ") + roff(spec.rest) + "\n" + roff(spec.rest_help) + "\n";
  options(out, spec.options);
  for (const auto& example : spec.examples) {
    out += ".PP\n.nf\n.RS 4\n" + roff(example.line) + "\n.RE\n.fi\n.RS 8\n" + roff(example.says) + "\n.RE\n";
  }
}

struct Entry {
  const char* name;
  const char* text;
};

constexpr Entry kEnvironment[] = {
    {"BRIG_HOST", "where brigd is: unix:///path or https://host:port. Default: unix:///run/brig/brig.sock."},
    {"BRIG_TOKEN",
     "the token for https; else the file ~/.config/brig/token is read, which nobody else may be able to "
     "read."},
    {"BRIG_CA", "file with the certificates to trust for https, in PEM. Default: the system's."},
    {"BRIG_RECONNECT", "for how many seconds a lost connection is tried again. Default: 60."},
    {"NO_COLOR", "if set, nothing is coloured."},
};

void entries(std::string& out, std::span<const Entry> list) {
  for (const auto& entry : list)
    out += std::string(".TP\n.B ") + roff(entry.name) + "\n" + roff(entry.text) + "\n";
}

constexpr Entry kFiles[] = {
    {"/run/brig/brig.sock", "the daemon's socket; members of the group brig may use it."},
    {"~/.config/brig/token", "the token for https, mode 600."},
};

}  // namespace

std::string manual_page(const CommandSpec& root) {
  std::string out = ".TH BRIG 1 \"\" \"brig " BRIG_VERSION
                    "\" \"Brig\"\n.SH NAME\nbrig \\- run coding agents in sandboxes\n";
  out += ".SH SYNOPSIS\n.B brig\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n" +
         roff(root.summary) + "\n";
  out += ".PP\nIt talks to the daemon brigd, which must run on this machine or be reached over TLS.\n";
  out += ".SH OPTIONS OF EVERY COMMAND\n";
  options(out, root.options);
  out += ".SH COMMANDS\n";
  for (const auto* child : root.commands) command(out, *child, std::string(root.name) + " " + child->name);
  out +=
      ".SH EXIT STATUS\n.BR run , \" exec\" \" and \" attach\nexit with the process\\(aqs own code, or 128 "
      "and the number of the "
      "signal that ended it. Otherwise:\n";
  for (const auto& row : exit_table()) {
    out += ".TP\n.B " + std::to_string(row.code) + "\n" + roff(row.meaning) + "\n";
  }
  out += ".SH ENVIRONMENT\n";
  entries(out, kEnvironment);
  out += ".SH FILES\n";
  entries(out, kFiles);
  return out;
}

}  // namespace brig::cli
