// Nothing is lost and nothing comes twice, whatever happens to the connection or to brigd.
#include "proxy.hpp"
#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

// What the generator below writes, so that every byte depends on its offset.
struct Pattern {
  std::uint64_t state = 1;
  unsigned char next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<unsigned char>(state >> 56);
  }
};

std::filesystem::path write_pattern(const std::filesystem::path& dir, std::size_t size) {
  Pattern pattern;
  std::string bytes(size, 0);
  for (char& c : bytes) c = static_cast<char>(pattern.next());
  auto path = dir / "pattern";
  FILE* file = std::fopen(path.c_str(), "wb");
  EXPECT_EQ(std::fwrite(bytes.data(), 1, size, file), size);
  std::fclose(file);
  return path;
}

struct Checker {
  Pattern pattern;
  std::uint64_t at = 0;
  std::uint64_t wrong = 0;
  void operator()(std::uint32_t, std::span<const std::byte> bytes) {
    for (std::byte b : bytes) wrong += static_cast<unsigned char>(b) != pattern.next();
    at += bytes.size();
  }
};

struct Setup {
  std::unique_ptr<CuttingProxy> proxy;
  explicit Setup(Sandbox& s, net::asio::any_io_executor ex, unsigned seed, std::size_t most) {
    proxy = std::make_unique<CuttingProxy>(ex, (s.dir() / "cut").string(), (s.dir() / "sock").string(), seed,
                                           most);
    EXPECT_TRUE(s.open_link());
    s.start_init(false, "cut");
  }
};

net::Task<void> output_with_cuts(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  Setup setup(s, ex, 42, 3'000'000);
  constexpr std::size_t kSize = 100'000'000;
  auto path = write_pattern(s.dir(), kSize);
  auto checker = std::make_shared<Checker>();
  s.recorder->keep = false;
  s.recorder->on_bytes = [checker](std::uint32_t id, std::span<const std::byte> b) { (*checker)(id, b); };
  co_await s.run(1, command("cat", path.string()));
  co_await s.ended(1);
  EXPECT_EQ(checker->at, kSize);
  EXPECT_EQ(checker->wrong, 0u);
  EXPECT_EQ(s.process(1).exit_offset, kSize);
  EXPECT_EQ(s.process(1).exits, 1);
  EXPECT_GT(setup.proxy->cuts(), 20);
  co_await setup.proxy->close();
}
TEST(Reconnect, OutputIsExactOverManyCuts) {
  with_sandbox(output_with_cuts, false);
}

net::Task<void> input_with_cuts(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  Setup setup(s, ex, 7, 400'000);
  auto spec = command("cat");
  spec.stdin_open = true;
  auto checker = std::make_shared<Checker>();
  s.recorder->keep = false;
  s.recorder->on_bytes = [checker](std::uint32_t id, std::span<const std::byte> b) { (*checker)(id, b); };
  co_await s.run(1, spec);
  Pattern pattern;
  std::uint64_t offset = 0;
  constexpr std::uint64_t kSize = 8'000'000;
  while (offset < kSize) {
    std::vector<std::byte> bytes(25'000);
    for (auto& b : bytes) b = static_cast<std::byte>(pattern.next());
    auto written = co_await s.link->write_stdin(1, offset, bytes);
    EXPECT_TRUE(written) << (written ? "" : written.error().message);
    if (!written) break;
    offset += bytes.size();
  }
  auto closed = co_await s.link->stdin_eof(1, offset);
  EXPECT_TRUE(closed);
  co_await s.ended(1);
  EXPECT_EQ(checker->at, kSize);
  EXPECT_EQ(checker->wrong, 0u);
  EXPECT_GT(setup.proxy->cuts(), 20);
  co_await setup.proxy->close();
}
TEST(Reconnect, InputIsExactOverManyCuts) {
  with_sandbox(input_with_cuts, false);
}

// The answer to a spawn is the truth, however often the question is lost.
net::Task<void> spawns_with_cuts(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  Setup setup(s, ex, 3, 700);
  for (std::uint32_t id = 1; id <= 40; ++id) {
    auto spec = id % 4 == 0 ? command("no-such-program") : shell("echo x >> " + (s.dir() / "count").string());
    auto outcome = co_await s.link->spawn(id, spec, soon());
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
    if (!outcome) break;
    EXPECT_EQ(outcome->started, id % 4 != 0);
    if (!outcome->started) {
      EXPECT_EQ(outcome->exit_code(), 127);
      continue;
    }
    co_await s.ended(id);
    EXPECT_EQ(s.process(id).exits, 1);
    EXPECT_TRUE(s.link->forget(id));
  }
  EXPECT_GT(setup.proxy->cuts(), 5);
  // Each ran exactly once.
  EXPECT_EQ(std::filesystem::file_size(s.dir() / "count"), 60u);
  setup.proxy->stop_cutting();
  auto pong = co_await s.link->ping(soon());
  EXPECT_TRUE(pong);
  co_await setup.proxy->close();
}
TEST(Reconnect, ProcessesStartOnceAndAreForgotten) {
  with_sandbox(spawns_with_cuts, false);
}

// brigd dies and comes back: a new Link that knows only what was stored.
net::Task<void> restarts(Sandbox& s) {
  co_await s.run(1, shell("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; exit 6"));
  auto spec = command("cat");
  spec.stdin_open = true;
  co_await s.run(2, spec);
  auto written = co_await s.link->write_stdin(2, 0, bytes_of("before "));
  EXPECT_TRUE(written);
  // Taken is not yet sent: what a brigd that dies had only taken, its client writes again.
  while (s.process(2).stdin_ack < 7) co_await s.recorder->changed.wait();
  s.registered = true;
  for (int i = 0; i < 10; ++i) {
    std::uint64_t had = s.process(1).received;
    while (s.process(1).received < had + 5000 && !s.process(1).exit) co_await s.recorder->changed.wait();
    co_await s.link->close();
    s.link.reset();
    EXPECT_TRUE(s.open_link());
    auto connected = co_await s.link->wait_connected(soon());
    EXPECT_TRUE(connected);
    EXPECT_EQ(s.recorder->known.size(), 2u);
  }
  while (s.process(1).exits == 0) co_await s.recorder->changed.wait();
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).exit->value, 6);
  std::string expected;
  for (int i = 0; i < 20000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(s.process(1).out == expected);

  EXPECT_EQ(s.link->stdin_offset(2), 7u);
  // As a client that saw no acknowledgement would: from the start.
  written = co_await s.link->write_stdin(2, 0, bytes_of("before after"));
  EXPECT_TRUE(written);
  auto closed = co_await s.link->stdin_eof(2, 12);
  EXPECT_TRUE(closed);
  co_await s.ended(2);
  EXPECT_EQ(s.process(2).out, "before after");
}
TEST(Reconnect, SurvivesRestartsOfBrigd) {
  with_sandbox(restarts);
}

net::Task<void> away(Sandbox& s) {
  co_await s.run(
      1, shell("while [ ! -e " + (s.dir() / "go").string() + " ]; do sleep 0.01; done; echo gone; exit 8"));
  s.registered = true;
  co_await s.link->close();
  s.link.reset();
  std::filesystem::create_directory(s.dir() / "go");
  EXPECT_TRUE(s.open_link());
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "gone\n");
  EXPECT_EQ(s.process(1).exit->value, 8);
  EXPECT_TRUE(s.link->forget(1));
  auto pong = co_await s.link->ping(soon());
  EXPECT_TRUE(pong);
  co_await s.link->close();
  s.link.reset();
  EXPECT_TRUE(s.open_link());
  auto connected = co_await s.link->wait_connected(soon());
  EXPECT_TRUE(connected);
  EXPECT_TRUE(s.recorder->known.empty());
}
TEST(Reconnect, WhatEndsWhileBrigdIsAwayIsReported) {
  with_sandbox(away);
}

// Nothing acknowledged: the process is stopped by its window, others are not, and all of it comes in the end.
net::Task<void> window(Sandbox& s) {
  s.recorder->hold = true;
  co_await s.run(1, shell("i=0; while [ $i -lt 100 ]; do head -c 10000 /dev/zero; i=$((i+1)); echo $i > " +
                          (s.dir() / "progress").string() + "; done"));
  while (s.process(1).received < link::kOutputWindow) co_await s.recorder->changed.wait();
  auto stats = co_await s.link->stats(soon());
  EXPECT_EQ(stats->buffered, link::kOutputWindow);
  s.recorder->hold = false;
  co_await s.run(2, shell("echo free"));
  co_await s.ended(2);
  EXPECT_EQ(s.process(2).out, "free\n");
  EXPECT_EQ(s.process(1).received, link::kOutputWindow);
  EXPECT_FALSE(s.process(1).exit);
  s.process(1).stored = s.process(1).received;
  s.link->ack(1, s.process(1).received);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).received, 1'000'000u);
}
TEST(Window, StopsWhoIsNotAcknowledged) {
  with_sandbox(window);
}

net::Task<void> held_over_restart(Sandbox& s) {
  s.recorder->hold = true;
  co_await s.run(1, command("seq", "1", "100000"));
  while (s.process(1).received < link::kOutputWindow) co_await s.recorder->changed.wait();
  // Delivered but not stored when brigd dies: it comes again.
  s.registered = true;
  co_await s.link->close();
  s.link.reset();
  s.recorder->hold = false;
  s.process(1) = {};
  EXPECT_TRUE(s.open_link());
  co_await s.ended(1);
  std::string expected;
  for (int i = 1; i <= 100000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(s.process(1).out == expected);
}
TEST(Window, KeepsWhatWasNotStored) {
  with_sandbox(held_over_restart);
}

net::Task<void> slow_input(Sandbox& s) {
  auto spec = shell("while [ ! -e " + (s.dir() / "go").string() + " ]; do sleep 0.01; done; wc -c");
  spec.stdin_open = true;
  co_await s.run(1, spec);
  // The pipe takes 64 KiB, the window 64 KiB more; then the writer waits.
  auto written = co_await s.link->write_stdin(1, 0, std::vector<std::byte>(128 * 1024));
  EXPECT_TRUE(written);
  auto executor = co_await net::asio::this_coro::executor;
  bool done = false;
  auto rest = [](Sandbox& sandbox, bool& flag) -> net::Task<void> {
    auto ok = co_await sandbox.link->write_stdin(1, 128 * 1024, std::vector<std::byte>(1'000'000));
    EXPECT_TRUE(ok);
    flag = true;
  };
  net::Scope scope(executor, "writer");
  scope.spawn(rest(s, done));
  auto stats = co_await s.link->stats(soon());
  EXPECT_TRUE(stats);
  EXPECT_FALSE(done);
  std::filesystem::create_directory(s.dir() / "go");
  co_await scope.join();
  auto closed = co_await s.link->stdin_eof(1, 128 * 1024 + 1'000'000);
  EXPECT_TRUE(closed);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "1131072\n");
}
TEST(Window, HoldsBackInput) {
  with_sandbox(slow_input);
}

// Nobody waits for the answer any more; what the supervisor makes of the question later is for nobody.
net::Task<void> given_up(Sandbox& s) {
  co_await s.run(1, command("sleep", "1000"));
  init::stop_child(s.init_pid());
  auto late = co_await s.link->spawn(2, command("sleep", "1000"), Deadline::in(Millis{20}));
  EXPECT_FALSE(late);
  init::continue_children();
  co_await s.exited(2);
  EXPECT_EQ(s.process(2).exit->kind, ExitKind::signaled);
  EXPECT_EQ(s.process(2).exit->value, SIGKILL);
  EXPECT_FALSE(s.process(1).exit);
}
TEST(Reconnect, WhatNobodyWaitsForIsKilledWhenItStarts) {
  with_sandbox(given_up);
}

net::Task<void> never_asked(Sandbox& s) {
  EXPECT_TRUE(s.open_link());
  auto late =
      co_await s.link->spawn(1, command("touch", (s.dir() / "made").string()), Deadline::in(Millis{1}));
  EXPECT_FALSE(late);
  s.start_init();
  co_await s.run(2, command("true"));
  co_await s.exited(2);
  EXPECT_FALSE(std::filesystem::exists(s.dir() / "made"));
  EXPECT_EQ(s.recorder->processes.count(1), 0u);
}
TEST(Reconnect, WhatNobodyWaitsForIsNotAskedAgain) {
  with_sandbox(never_asked, false);
}

}  // namespace
}  // namespace brig::supervisor
