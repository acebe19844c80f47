#include <string>
#include <vector>

#include "cli/help.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

std::string replaced(std::string_view text, char what, std::string_view with) {
  std::string out;
  for (char c : text) {
    if (c == what)
      out += with;
    else
      out += c;
  }
  return out;
}

struct Visit {
  const CommandSpec* spec;
  std::string path;  // "image build"; empty for the root
};

void visit(const CommandSpec& spec, const std::string& path, std::vector<Visit>& out) {
  out.push_back({&spec, path});
  for (const auto* child : spec.commands) {
    if (!child->hidden) visit(*child, path.empty() ? child->name : path + " " + child->name, out);
  }
}

std::vector<Visit> commands_of(const CommandSpec& root) {
  std::vector<Visit> out;
  visit(root, "", out);
  return out;
}

// What completes a command's arguments: the last one's, of which there may be many, or the first one's.
const char* completes(const CommandSpec& spec) {
  if (spec.positionals.empty()) return nullptr;
  const char* last = spec.positionals.back().complete;
  return last ? last : spec.positionals.front().complete;
}

// ---- bash

std::string bash_values(const char* complete) {
  std::string_view what = complete ? complete : "";
  if (what == "dir") return "COMPREPLY=($(compgen -d -- \"$cur\"))";
  if (what == "file") return "COMPREPLY=($(compgen -f -- \"$cur\"))";
  if (what.find('|') != std::string_view::npos)
    return "COMPREPLY=($(compgen -W \"" + replaced(what, '|', " ") + "\" -- \"$cur\"))";
  if (!what.empty())
    return "COMPREPLY=($(compgen -W \"$(brig __complete " + std::string(what) +
           " 2>/dev/null)\" -- \"$cur\"))";
  return "COMPREPLY=()";
}

std::string bash(const CommandSpec& root) {
  std::string words;
  std::string values;
  for (const auto& [spec, path] : commands_of(root)) {
    std::string list;
    std::string takes;
    for (const auto* child : spec->commands) {
      if (!child->hidden) list += std::string(child->name) + " ";
    }
    for (auto options : {spec->options, root.options}) {
      if (spec == &root && options.data() == root.options.data() && !takes.empty()) break;
      for (const auto& option : options) {
        list += replaced(option.flags, ',', " ") + " ";
        if (option.value)
          takes += "      " + replaced(option.flags, ',', "|") + ") " + bash_values(option.complete) +
                   "; return ;;\n";
      }
      if (spec == &root) break;
    }
    list.pop_back();
    words += "    '" + path + "') words='" + list + "'";
    if (!spec->commands.empty() && completes(*spec))
      words += "; words+=\" $(brig __complete " + std::string(completes(*spec)) + " 2>/dev/null)\"";
    words += " ;;\n";
    values += "    '" + path + "') case \"$prev\" in\n" + takes + "    esac\n";
    if (spec->commands.empty() && completes(*spec)) {
      values += "      [[ \"$cur\" != -* ]] && { " + bash_values(completes(*spec)) + "; return; }\n";
    }
    values += "    ;;\n";
  }
  std::string groups;
  for (const auto* child : root.commands) {
    if (!child->commands.empty()) groups += std::string(groups.empty() ? "" : "|") + child->name;
  }
  return "# bash completion for brig; source <(brig completion bash)\n"
         "_brig() {\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" path='' words='' i "
         "w\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    w=\"${COMP_WORDS[i]}\"\n"
         "    [[ \"$w\" == -- ]] && { COMPREPLY=($(compgen -f -- \"$cur\")); return; }\n"
         "    [[ \"$w\" == -* ]] && { [[ \"$w\" == -H || \"$w\" == --host ]] && ((i++)); continue; }\n"
         "    if [[ -z \"$path\" ]]; then path=\"$w\"\n"
         "    else case \"$path\" in " +
         groups +
         ") path+=\" $w\" ;; esac; break; fi\n"
         "    case \"$path\" in " +
         groups +
         ") ;; *) break ;; esac\n"
         "  done\n"
         "  case \"$path\" in\n" +
         values +
         "  esac\n"
         "  case \"$path\" in\n" +
         words +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n"
         "complete -F _brig brig\n";
}

// ---- zsh

std::string zsh_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

std::string zsh_action(const char* complete) {
  std::string_view what = complete ? complete : "";
  if (what == "dir") return "_files -/";
  if (what == "file") return "_files";
  if (what.find('|') != std::string_view::npos) return "(" + replaced(what, '|', " ") + ")";
  if (!what.empty()) return "{compadd -- ${(f)\"$(brig __complete " + std::string(what) + " 2>/dev/null)\"}}";
  return " ";
}

std::string zsh_options(std::span<const OptionSpec> options) {
  std::string out;
  for (const auto& option : options) {
    for (auto flag : split(option.flags, ',')) {
      out += "    '" + std::string(option.many ? "*" : "") + std::string(flag) + "[" + zsh_text(option.help) +
             "]";
      if (option.value)
        out += ":" + zsh_text(option.value) + ":" + replaced(zsh_action(option.complete), '\'', "'\\''");
      out += "' \\\n";
    }
  }
  return out;
}

std::string function_of(const std::string& path) {
  return "_brig" + (path.empty() ? "" : "_" + replaced(path, ' ', "_"));
}

std::string zsh(const CommandSpec& root) {
  std::string out = "#compdef brig\n# zsh completion for brig; brig completion zsh > ~/.zfunc/_brig\n";
  for (const auto& [spec, path] : commands_of(root)) {
    out += "\n" + function_of(path) + "() {\n";
    if (!spec->commands.empty()) {
      out += "  local context state line\n  _arguments -C \\\n" + zsh_options(root.options) +
             "    '1: :->command' '*:: :->rest'\n  case $state in\n  command)\n    local -a commands=(\n";
      for (const auto* child : spec->commands) {
        if (!child->hidden) out += "      '" + zsh_text(child->name) + ":" + zsh_text(child->summary) + "'\n";
      }
      out += "    )\n    _describe command commands";
      if (completes(*spec))
        out +=
            "\n    compadd -- ${(f)\"$(brig __complete " + std::string(completes(*spec)) + " 2>/dev/null)\"}";
      out += " ;;\n  rest)\n    case $line[1] in\n";
      for (const auto* child : spec->commands) {
        std::string below = path.empty() ? child->name : path + " " + child->name;
        if (!child->hidden) out += std::string("    ") + child->name + ") " + function_of(below) + " ;;\n";
      }
      out += "    esac ;;\n  esac\n}\n";
      continue;
    }
    out += "  _arguments -s \\\n" + zsh_options(spec->options) + zsh_options(root.options);
    for (const auto& positional : spec->positionals) {
      out += std::string("    '") + (takes_many(positional) ? "*" : "") + ":" + zsh_text(positional.name) +
             ":" + replaced(zsh_action(positional.complete), '\'', "'\\''") + "' \\\n";
    }
    out += "    '*:: :_files'\n}\n";
  }
  return out + "\nif [[ $funcstack[1] == _brig ]]; then _brig \"$@\"; else compdef _brig brig; fi\n";
}

// ---- fish

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_values(const char* complete) {
  std::string_view what = complete ? complete : "";
  if (what == "dir") return " -x -a '(__fish_complete_directories)'";
  if (what == "file") return " -r -F";
  if (what.find('|') != std::string_view::npos) return " -x -a " + fish_quoted(replaced(what, '|', " "));
  if (!what.empty()) return " -x -a '(brig __complete " + std::string(what) + " 2>/dev/null)'";
  return " -x";
}

void fish_option(std::string& out, const OptionSpec& option, const std::string& condition) {
  out += "complete -c brig" + condition;
  for (auto flag : split(option.flags, ',')) {
    bool is_long = flag.starts_with("--");
    out += (is_long ? " -l " : " -s ") + std::string(flag.substr(is_long ? 2 : 1));
  }
  if (option.value) out += fish_values(option.complete);
  out += " -d " + fish_quoted(option.help) + "\n";
}

std::string fish(const CommandSpec& root) {
  std::string out = "# fish completion for brig\ncomplete -c brig -f\n";
  for (const auto& option : root.options) fish_option(out, option, "");
  for (const auto& [spec, path] : commands_of(root)) {
    std::string condition;
    if (path.empty()) {
      condition = " -n __fish_use_subcommand";
    } else {
      for (auto word : split(path, ' '))
        condition +=
            (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + std::string(word));
      condition = " -n '" + condition + "'";
    }
    for (const auto* child : spec->commands) {
      if (!child->hidden)
        out += "complete -c brig" + condition + " -a " + child->name + " -d " + fish_quoted(child->summary) +
               "\n";
    }
    if (spec == &root) continue;
    for (const auto& option : spec->options) fish_option(out, option, condition);
    if (completes(*spec)) {
      std::string values = fish_values(completes(*spec));
      out += "complete -c brig" + condition + values + "\n";
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const CommandSpec& root, std::string_view shell) {
  if (shell == "bash") return bash(root);
  if (shell == "zsh") return zsh(root);
  if (shell == "fish") return fish(root);
  return "";
}

}  // namespace brig::cli
