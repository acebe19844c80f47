#include "cli/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/spec.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Parsed> parse(std::vector<std::string> words) {
  return parse_command_line(root_command(), words);
}

std::string refusal(std::vector<std::string> words) {
  auto parsed = parse(std::move(words));
  return parsed ? "accepted" : parsed.error().message;
}

TEST(CommandLine, TakesWhatFollowsTheDashesAsItStands) {
  auto parsed = parse({"run", "shell", "-e", "A=[1,2]", "--", "sh", "-c", "echo --help", "--", "-x", ""});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->path, "brig run");
  EXPECT_FALSE(parsed->help);
  EXPECT_THAT(parsed->arguments.positionals(), ElementsAre("shell"));
  EXPECT_THAT(parsed->arguments.all("env"), ElementsAre("A=[1,2]"));
  EXPECT_THAT(parsed->arguments.rest(), ElementsAre("sh", "-c", "echo --help", "--", "-x", ""));
}

TEST(CommandLine, OptionsMayStandAnywhere) {
  auto parsed = parse(
      {"--host", "unix:///a", "run", "-d", "shell", "--memory=2G", "-e", "A=1", "--env", "B=2", "-tn", "x"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& a = parsed->arguments;
  EXPECT_EQ(a.get("host"), "unix:///a");
  EXPECT_TRUE(a.has("detach"));
  EXPECT_TRUE(a.has("tty"));
  EXPECT_EQ(a.get("name"), "x");
  EXPECT_EQ(a.get("memory"), "2G");
  EXPECT_THAT(a.all("env"), ElementsAre("A=1", "B=2"));
  EXPECT_EQ(parse({"ps", "-H", "unix:///b"})->arguments.get("host"), "unix:///b");
}

TEST(CommandLine, SessionsMayBeNamedLikeCommands) {
  auto parsed = parse({"stop", "run", "ps", "image"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->path, "brig stop");
  EXPECT_THAT(parsed->arguments.positionals(), ElementsAre("run", "ps", "image"));
}

TEST(CommandLine, RefusalsNameTheNearest) {
  EXPECT_THAT(refusal({"atach"}), HasSubstr("'attach'"));
  EXPECT_THAT(refusal({"image", "bild"}), HasSubstr("'build'"));
  EXPECT_THAT(refusal({"run", "shell", "--projcet", "x"}), HasSubstr("'--project'"));
  EXPECT_THAT(refusal({"run", "shell", "ls"}), HasSubstr("write '--'"));
  EXPECT_THAT(refusal({"run"}), HasSubstr("needs PROVIDER"));
  EXPECT_THAT(refusal({"rm"}), HasSubstr("needs SESSION"));
  EXPECT_THAT(refusal({"attach", "a", "b"}), HasSubstr("unexpected argument 'b'"));
  EXPECT_THAT(refusal({"ps", "--", "x"}), HasSubstr("no meaning"));
  EXPECT_THAT(refusal({"ps", "--all=x=y"}), HasSubstr("--all"));
  EXPECT_THAT(refusal({"run", "shell", "--name"}), HasSubstr("--name"));
  EXPECT_EQ(parse({"run"}).error().where, "usage");
}

TEST(CommandLine, HelpNeedsNothingElse) {
  EXPECT_TRUE(parse({"run", "--help"})->help);
  EXPECT_TRUE(parse({"-h"})->help);
  EXPECT_TRUE(parse({"--version"})->version);
  EXPECT_FALSE(parse({"run", "x", "--", "--help"})->help);
}

TEST(CommandLine, NumbersAndDurationsAreChecked) {
  Arguments a;
  a.set("process", "7");
  a.set("grace", "1m30s");
  a.set("bad", "-7");
  EXPECT_EQ(a.number("process", 10)->value(), 7u);
  EXPECT_FALSE(a.number("process", 6));
  EXPECT_FALSE(a.number("bad", 10));
  EXPECT_EQ(a.duration("grace")->value(), Millis(90'000));
  EXPECT_FALSE(a.number("absent", 10)->has_value());
}

void each_command(const CommandSpec& spec, const std::string& path,
                  const std::function<void(const CommandSpec&, const std::string&)>& visit) {
  visit(spec, path);
  for (const auto* child : spec.commands) each_command(*child, path + " " + child->name, visit);
}

TEST(CommandTree, EveryCommandExplainsItselfAndParses) {
  each_command(root_command(), "brig", [](const CommandSpec& spec, const std::string& path) {
    EXPECT_STRNE(spec.summary, "") << path;
    EXPECT_TRUE(spec.run || !spec.commands.empty()) << path;
    EXPECT_TRUE(!spec.run || spec.hidden || !spec.examples.empty()) << path;
    std::set<std::string> flags;
    for (auto options : {spec.options, root_command().options}) {
      if (&spec == &root_command() && !flags.empty()) break;
      for (const auto& option : options) {
        EXPECT_STRNE(option.help, "") << path << " " << option.flags;
        for (auto flag : split(option.flags, ','))
          EXPECT_TRUE(flags.insert(std::string(flag)).second) << path << " " << flag;
      }
    }
    EXPECT_THAT(help_text(spec, path, Style(false)), HasSubstr(usage_line(spec, path)));
    std::vector<std::string> words;
    for (auto word : split(path, ' ')) words.emplace_back(word);
    words.erase(words.begin());
    words.push_back("--help");
    auto parsed = parse(words);
    ASSERT_TRUE(parsed) << path << ": " << parsed.error().message;
    EXPECT_EQ(parsed->command, &spec) << path;
  });
}

TEST(CommandTree, ManualAndCompletionsKnowEveryOption) {
  std::string man = manual_page(root_command());
  std::string bash = completion_script(root_command(), "bash");
  std::string zsh = completion_script(root_command(), "zsh");
  std::string fish = completion_script(root_command(), "fish");
  for (const char* option : {"detach-keys", "no-cache", "grace", "profile"}) {
    EXPECT_THAT(bash, HasSubstr("--" + std::string(option)));
    EXPECT_THAT(zsh, HasSubstr("--" + std::string(option)));
    EXPECT_THAT(fish, HasSubstr("-l " + std::string(option)));
  }
  EXPECT_THAT(man, HasSubstr("\\-\\-detach\\-keys"));
  for (const auto& row : exit_table()) EXPECT_THAT(man, HasSubstr(".B " + std::to_string(row.code) + "\n"));
  EXPECT_THAT(man, testing::Not(HasSubstr("__man")));
  EXPECT_EQ(completion_script(root_command(), "tcsh"), "");
}

TEST(ExitCodes, EveryErrorHasOneThatTheTableExplains) {
  std::set<int> known;
  int last = -1;
  for (const auto& row : exit_table()) {
    EXPECT_GT(row.code, last);
    last = row.code;
    known.insert(row.code);
  }
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
    int code = exit_code(static_cast<Code>(i));
    EXPECT_TRUE(known.count(code)) << code;
    EXPECT_NE(code, 0);
  }
  EXPECT_TRUE(known.count(kExitUsage));
  EXPECT_TRUE(known.count(kExitNoOutcome));
}

}  // namespace
}  // namespace brig::cli
