#include "support.hpp"
#include "tar.hpp"

namespace brig::docker {
namespace {

struct Both {
  std::string out, err;
};

net::Task<Result<Both>> collect(Stream<Chunk>& stream) {
  Both all;
  while (true) {
    auto chunk = co_await stream.next();
    if (!chunk) co_return std::move(chunk).error();
    if (!*chunk) co_return all;
    ((*chunk)->channel == Chunk::Channel::out ? all.out : all.err) += text((*chunk)->bytes);
  }
}

// An engine may end a follower before it has passed on the last lines of a container that just ended.
net::Task<Result<void>> ended(Engine& engine, std::string name) {
  auto wait = co_await engine.containers().wait(name, WaitFor::not_running);
  if (!wait) co_return std::move(wait).error();
  auto exit = co_await (*wait)->result(Deadline::in(std::chrono::minutes(1)));
  if (!exit) co_return std::move(exit).error();
  co_return Result<void>{};
}

net::Task<Result<void>> read_logs(Engine& engine) {
  BRIG_CO_TRY(std::string name,
              co_await make_started(engine, "echo out; echo err >&2; printf '\\\\001\\\\n'"));
  BRIG_CO_CHECK(co_await ended(engine, name));
  LogOptions follow{.follow = true};
  auto logs = co_await engine.containers().logs(name, follow);
  if (!logs) co_return std::move(logs).error();
  auto all = co_await collect(**logs);
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(all->out, "out\n\x01\n");
  EXPECT_EQ(all->err, "err\n");
  LogOptions only_err{.out = false};
  auto errors = co_await engine.containers().logs(name, only_err);
  if (!errors) co_return std::move(errors).error();
  auto some = co_await collect(**errors);
  EXPECT_TRUE(some && some->out.empty() && some->err == "err\n");
  co_return co_await drop(engine, name);
}
TEST(Logs, AreTakenApart) {
  run(read_logs);
}

net::Task<Result<void>> read_tty_logs(Engine& engine) {
  BRIG_CO_TRY(std::string name, co_await make_started(engine, "echo out; echo err >&2", "\"Tty\":true"));
  BRIG_CO_CHECK(co_await ended(engine, name));
  LogOptions follow{.follow = true};
  auto logs = co_await engine.containers().logs(name, follow);
  if (!logs) co_return std::move(logs).error();
  auto all = co_await collect(**logs);
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(all->out, "out\r\nerr\r\n");
  co_return co_await drop(engine, name);
}
TEST(Logs, OfATerminalAreOneStream) {
  run(read_tty_logs);
}

constexpr auto kStdin = R"("OpenStdin":true,"StdinOnce":true,"AttachStdin":true)";

net::Task<Result<void>> attach_and_close(Engine& engine) {
  BRIG_CO_TRY(std::string name, co_await make(engine, "cat; echo done >&2", kStdin));
  AttachOptions options{.in = true};
  auto attached = co_await engine.containers().attach(name, options);
  if (!attached) co_return std::move(attached).error();
  auto started = co_await engine.containers().start(name);
  if (!started) co_return std::move(started).error();
  std::string input(200'000, 'z');
  input += "\n";
  using namespace net::asio::experimental::awaitable_operators;
  auto feed = [](Attachment& to, std::string bytes) -> net::Task<Result<void>> {
    BRIG_CO_CHECK(co_await to.write(std::as_bytes(std::span(bytes))));
    co_return co_await to.close_write();
  };
  auto feeding = feed(**attached, input);
  auto reading = collect(**attached);
  auto [fed, all] = co_await (std::move(feeding) && std::move(reading));
  if (!fed) co_return std::move(fed).error();
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(all->out.size(), input.size());
  EXPECT_TRUE(all->out == input);
  EXPECT_EQ(all->err, "done\n");
  co_return co_await drop(engine, name);
}
TEST(Attach, HalfCloseEndsTheInputOnly) {
  run(attach_and_close);
}

net::Task<Result<void>> attach_tty(Engine& engine) {
  BRIG_CO_TRY(std::string name,
              co_await make(engine, "read x; echo got $x; echo err >&2", "\"Tty\":true,\"OpenStdin\":true"));
  AttachOptions options{.in = true};
  auto attached = co_await engine.containers().attach(name, options);
  if (!attached) co_return std::move(attached).error();
  auto started = co_await engine.containers().start(name);
  if (!started) co_return std::move(started).error();
  std::string line = "word\n";
  BRIG_CO_CHECK(co_await (*attached)->write(std::as_bytes(std::span(line))));
  auto all = co_await collect(**attached);
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(all->out, "word\r\ngot word\r\nerr\r\n");
  co_return co_await drop(engine, name);
}
TEST(Attach, ATerminalIsOneStream) {
  run(attach_tty);
}

net::Task<Result<void>> attach_absent(Engine& engine) {
  AttachOptions options;
  auto attached = co_await engine.containers().attach("no-such-container", options);
  EXPECT_TRUE(!attached && attached.error().code == Code::not_found);
  if (!attached) {
    EXPECT_NE(attached.error().message.find("No such container"), std::string::npos)
        << attached.error().message;
  }
  co_return Result<void>{};
}
TEST(Attach, RefusalsCarryTheEnginesWords) {
  run(attach_absent);
}

net::Task<Result<void>> read_stats(Engine& engine) {
  BRIG_CO_TRY(std::string name,
              co_await make_started(engine, "sleep 1000",
                                    R"("HostConfig":{"NetworkMode":"none","Memory":50000000})"));
  auto once = co_await engine.containers().stats(name);
  if (!once) co_return std::move(once).error();
  EXPECT_GT(once->memory, 0u);
  EXPECT_EQ(once->memory_limit, 50'000'000u / 4096 * 4096);
  EXPECT_GT(once->cpu_ns, 0u);
  EXPECT_GT(once->pids, 0u);
  auto stream = co_await engine.containers().stats_stream(name, Deadline::in(std::chrono::minutes(1)));
  if (!stream) co_return std::move(stream).error();
  for (int i = 0; i < 2; ++i) {
    auto next = co_await (*stream)->next();
    if (!next) co_return std::move(next).error();
    EXPECT_TRUE(*next && (*next)->memory > 0);
  }
  stream->reset();
  co_return co_await drop(engine, name);
}
TEST(Stats, OnceAndAgain) {
  run(read_stats);
}

class StringSink final : public Sink {
 public:
  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    all += text(bytes);
    co_return Result<void>{};
  }
  std::string all;
};

net::Task<Result<void>> archives(Engine& engine) {
  auto& containers = engine.containers();
  BRIG_CO_TRY(std::string name, co_await make(engine, "true"));
  std::string big(2'000'000, 'y');
  StringSource tar(tar_of({{"one", "first\n", 0600}, {"big", big, 0644}}));
  BRIG_CO_CHECK(co_await containers.archive_put(name, "/tmp", tar));
  auto stat = co_await containers.archive_stat(name, "/tmp/one");
  if (!stat) co_return std::move(stat).error();
  EXPECT_EQ(stat->name, "one");
  EXPECT_EQ(stat->size, 6u);
  EXPECT_EQ(stat->mode & 0777u, 0600u);
  EXPECT_FALSE(stat->is_directory());
  StringSink sink;
  auto got = co_await containers.archive_get(name, "/tmp", sink);
  if (!got) co_return std::move(got).error();
  EXPECT_TRUE(got->is_directory());
  auto files = read_tar(sink.all);
  EXPECT_EQ(files["tmp/one"], "first\n");
  EXPECT_TRUE(files["tmp/big"] == big);
  auto absent = co_await containers.archive_get(name, "/nothing", sink);
  EXPECT_TRUE(!absent && absent.error().code == Code::not_found);
  auto absent_stat = co_await containers.archive_stat(name, "/nothing");
  EXPECT_TRUE(!absent_stat && absent_stat.error().code == Code::not_found);
  StringSource again(tar_of({{"big", std::string(20'000'000, 'q'), 0644}}));
  auto nowhere = co_await containers.archive_put(name, "/no/such/directory", again);
  EXPECT_TRUE(!nowhere && nowhere.error().code == Code::not_found)
      << (nowhere ? "" : nowhere.error().message);
  co_return co_await drop(engine, name);
}
TEST(Archive, GoesInAndComesOut) {
  run(archives);
}

}  // namespace
}  // namespace brig::docker
