// The question of a connection, asked at the terminal of whoever is attached: told without touching what the
// program shows, asked on its last line, and gone without a trace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <regex>

#include "brig_process.hpp"
#include "brigd.hpp"

namespace brig::test {
namespace {

using cli::test::BrigOptions;
using cli::test::BrigProcess;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAsk = "\x10\x01";

// Draws its screen anew whenever its size changes, as full-screen programs do, and asks for one address after
// another, each when the one before was decided.
constexpr const char* kProgram =
    "n=0; draw() { n=$((n+1)); printf '\\033[2J\\033[HDRAWN %s %s.' $n \"$(stty size)\"; }; trap draw WINCH; "
    "stty -echo; printf '\\033[?1049h'; draw; "
    "for host in one two three; do "
    "(wget -q -O - http://$host.test/ 2> /tmp/why; echo $? > /tmp/$host) & "
    "until [ -s /tmp/$host ]; do sleep 0.1; done; echo \"$host=$(cat /tmp/$host).\"; done; "
    "while :; do sleep 0.1; done";

class AskPrompt : public testing::Test {
 protected:
  // No network at all, so that a name that is allowed leads nowhere.
  AskPrompt() : brigd("", "ip link set lo up") {}

  // What the program has drawn, whether or not it is shown yet.
  void drawn(const std::string& what) {
    eventually(
        [&] {
          return brigd.brig({"logs", "fix"}).out.find("DRAWN " + what) != std::string::npos;
        },
        "drawn: " + what);
  }
  Brigd brigd;
};

TEST_F(AskPrompt, RingsAndAsksOnTheLastLineWithTheScreenAsItWas) {
  BrigOptions options;
  options.terminal = true;
  BrigProcess brig("unix://" + brigd.socket().string(),
                   {"run", "box", "--name", "fix", "--empty", "--ask", "--", "sh", "-c", kProgram}, options);
  ASSERT_TRUE(brig.wait_output("DRAWN 1 30 100."));
  ASSERT_TRUE(brig.wait_output("\x1b]2;brig: it wants one.test:80 (ctrl-p ctrl-a answers)\a"));
  brig.write(kAsk);
  ASSERT_TRUE(brig.wait_output("\x1b[30;1H\x1b[0;7m\x1b[2K"));
  ASSERT_TRUE(brig.wait_output("wants one.test:80: (o)nce, (s)ession, (a)lways, (n)o? esc: later"));
  // The program is a line smaller meanwhile, and its output held back, until it is whole again.
  drawn("2 29 100.");
  brig.write("x");  // no answer
  brig.write("n");
  ASSERT_TRUE(brig.wait_output("DRAWN 3 30 100."));
  ASSERT_TRUE(brig.wait_output("one=1."));
  ASSERT_TRUE(brig.wait_output("brig: it wants two.test:80"));
  brig.write(kAsk);
  ASSERT_TRUE(brig.wait_output("wants two.test:80: (o)nce"));
  drawn("4 29 100.");
  brig.write("\x1b");  // later
  ASSERT_TRUE(brig.wait_output("DRAWN 5 30 100."));
  brig.write(kAsk);
  drawn("6 29 100.");
  brig.write("s");
  ASSERT_TRUE(brig.wait_output("DRAWN 7 30 100."));
  ASSERT_TRUE(brig.wait_output("two=1."));
  ASSERT_TRUE(brig.wait_output("brig: it wants three.test:80"));
  // Somebody else may be faster.
  auto answered = brigd.brig({"egress", "answer", "fix", "3", "no"});
  EXPECT_EQ(answered.code, 0) << answered.err;
  ASSERT_TRUE(brig.wait_output("three=1."));
  auto shown = brigd.brig({"egress", "show", "fix"}).out;
  EXPECT_THAT(shown, HasSubstr("two.test"));
  EXPECT_THAT(shown, Not(HasSubstr("one.test")));
  auto program = brigd.brig({"logs", "fix"}).out;
  brig.write("\x10\x11");
  EXPECT_EQ(brig.wait(), 0);
  // Beside what the program drew there are titles, bells and the line that was asked for, and nothing else.
  auto seen = brig.output();
  EXPECT_THAT(seen, HasSubstr("\x1b[23;2t"));
  for (const char* ours : {"\x1b\\]2;brig:[^\a]*\a", "\a", "\x1b\\[2[23];2t",
                           "\x1b"
                           "7\x1b\\[30;1H[^\n]*?\x1b"
                           "8"})
    seen = std::regex_replace(seen, std::regex(ours), "");
  EXPECT_TRUE(seen.starts_with(program)) << seen << "\n---\n" << program;
}

TEST_F(AskPrompt, APipeGetsTheProgramsOutputAlone) {
  auto options = brigd.options();
  options.pipe_out = options.pipe_err = true;
  auto child = harness::Child::spawn(
      brigd.command({"run", "box", "--name", "fix", "--empty", "--ask", "--", "sh", "-c",
                     "echo begun; wget -q -O - http://one.test/ 2> /dev/null; echo over"}),
      options);
  ASSERT_TRUE(child);
  eventually(
      [&] {
        return brigd.brig({"egress", "show", "fix"}).out.find("one.test:80") != std::string::npos;
      },
      "it is asked");
  EXPECT_EQ(brigd.brig({"egress", "answer", "fix", "1", "no"}).code, 0);
  auto code = child->wait();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0);
  std::string out, err;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(child->out.get(), buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  for (ssize_t n = 0; (n = ::read(child->err.get(), buffer, sizeof buffer)) > 0;)
    err.append(buffer, static_cast<std::size_t>(n));
  EXPECT_EQ(out, "begun\nover\n");
  EXPECT_EQ(err, "");
}

}  // namespace
}  // namespace brig::test
