// The only file that sees CLI11, which compiles slowly.
//
// CLI11 splits the line into options and words; what is missing, too much or misspelt is judged here, against
// the tree, so that each refusal can name the nearest thing there is.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <deque>

#include "cli/arguments.hpp"
#include "cli/spec.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

Error usage(std::string message, const std::string& path) {
  return Error{Code::invalid, std::move(message) + "; see '" + path + " --help'", "usage", false};
}

// A command with where its options' values land.
struct Node {
  const CommandSpec* spec = nullptr;
  CLI::App* app = nullptr;
  std::string path;
  struct Slot {
    const OptionSpec* option = nullptr;
    CLI::Option* handle = nullptr;
    std::vector<std::string> values;
    bool given = false;
  };
  std::deque<Slot> slots;
  std::deque<Node> children;
};

void add_options(Node& node, std::span<const OptionSpec> options) {
  for (const auto& option : options) {
    auto& slot = node.slots.emplace_back();
    slot.option = &option;
    if (option.value) {
      slot.handle = node.app->add_option(option.flags, slot.values);
      slot.handle->allow_extra_args(false);
      slot.handle->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      slot.handle = node.app->add_flag(option.flags, slot.given);
      slot.handle->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
}

// Only commands that the line mentions get their options: the others cost a name.
void grow(Node& node, const CommandSpec& root, const std::vector<std::string>& words) {
  node.app->set_help_flag();
  node.app->allow_extras();
  node.app->require_subcommand(0, 1);
  add_options(node, root.options);
  if (node.spec != &root) add_options(node, node.spec->options);
  for (const auto* child : node.spec->commands) {
    if (std::find(words.begin(), words.end(), child->name) == words.end()) continue;
    auto& grown = node.children.emplace_back();
    grown.spec = child;
    grown.path = node.path + " " + child->name;
    grown.app = node.app->add_subcommand(child->name);
    grow(grown, root, words);
  }
}

std::vector<std::string_view> flags_of(const CommandSpec& root, const CommandSpec& command) {
  std::vector<std::string_view> known;
  for (auto options : {root.options, command.options}) {
    for (const auto& option : options) {
      for (auto flag : split(option.flags, ',')) known.push_back(flag);
    }
  }
  return known;
}

Result<void> take_word(const CommandSpec& root, Node& node, const std::string& word, Arguments& arguments) {
  const auto& spec = *node.spec;
  if (word.size() > 1 && word[0] == '-') {
    auto flag = std::string_view(word).substr(0, word.find('='));
    auto known = flags_of(root, spec);
    bool bare = std::find(known.begin(), known.end(), flag) != known.end();
    if (bare) return usage(std::string(flag) + " is a switch and takes no value", node.path);
    std::string hint = did_you_mean(flag, known);
    if (hint.empty() && spec.rest) hint = " (what is meant for the sandbox goes after '--')";
    return usage("unknown option " + quoted(flag) + hint, node.path);
  }
  if (!spec.commands.empty() && !spec.run) {
    std::vector<std::string_view> known;
    for (const auto* command : spec.commands) {
      if (!command->hidden) known.push_back(command->name);
    }
    return usage("unknown command " + quoted(word) + did_you_mean(word, known), node.path);
  }
  bool more = !spec.positionals.empty() && (takes_many(spec.positionals.back()) ||
                                            arguments.positionals().size() < spec.positionals.size());
  if (!more) {
    if (spec.rest) {
      return usage("unexpected " + quoted(word) + "; write '--' before what is meant for the sandbox",
                   node.path);
    }
    return usage("unexpected argument " + quoted(word), node.path);
  }
  arguments.add_positional(word);
  return {};
}

Result<void> judge(const CommandSpec& root, Node& node, Parsed& parsed) {
  for (auto& slot : node.slots) {
    if (slot.handle->count() == 0) continue;
    std::string name(option_name(slot.option->flags));
    if (!slot.option->value) {
      if (name == "help") parsed.help = true;
      if (name == "version") parsed.version = true;
      if (slot.given) parsed.arguments.set(name, "");
    }
    for (auto& value : slot.values) parsed.arguments.set(name, std::move(value));
  }
  for (const auto& word : node.app->remaining()) {
    BRIG_CHECK(take_word(root, node, word, parsed.arguments));
  }
  parsed.command = node.spec;
  parsed.path = node.path;
  for (auto& child : node.children) {
    if (child.app->parsed()) return judge(root, child, parsed);
  }
  return {};
}

Result<void> check_complete(const Parsed& parsed, bool had_rest) {
  if (parsed.help || parsed.version) return {};
  const auto& spec = *parsed.command;
  if (had_rest && !spec.rest) return usage("'--' has no meaning for '" + parsed.path + "'", parsed.path);
  std::size_t needed = 0;
  for (const auto& positional : spec.positionals) needed += is_needed(positional);
  if (parsed.arguments.positionals().size() < needed) {
    const auto& missing = spec.positionals[parsed.arguments.positionals().size()];
    return usage("'" + parsed.path + "' needs " + missing.name + ": " + missing.help, parsed.path);
  }
  return {};
}

}  // namespace

Result<Parsed> parse_command_line(const CommandSpec& root, const std::vector<std::string>& words) {
  // What follows the first "--" is the sandbox's, byte for byte: no parser may look at it.
  auto cut = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> ours(words.begin(), cut);
  bool had_rest = cut != words.end();

  Node tree;
  CLI::App app;
  tree.spec = &root;
  tree.app = &app;
  tree.path = root.name;
  Parsed parsed;
  try {
    grow(tree, root, ours);
    std::vector<std::string> reversed(ours.rbegin(), ours.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch& e) {
    return usage(printable(e.what()), root.name);
  } catch (const CLI::Error& e) {
    return usage(printable(e.what()), root.name);
  }
  BRIG_CHECK(judge(root, tree, parsed));
  if (had_rest) parsed.arguments.set_rest(std::vector<std::string>(cut + 1, words.end()));
  BRIG_CHECK(check_complete(parsed, had_rest));
  return parsed;
}

}  // namespace brig::cli
