// A supervisor that breaks the rules, and others who connect to the link: cut off, told, and of no
// consequence.
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "net/scope.hpp"
#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

using Protocol = net::asio::local::stream_protocol;
using link::Type;

// Speaks the protocol by hand.
class Impostor {
 public:
  explicit Impostor(net::asio::any_io_executor executor) : socket_(executor) {}

  bool connect(Sandbox& s) {
    boost::system::error_code ec;
    socket_.connect(Protocol::endpoint((s.dir() / "sock").string()), ec);
    return !ec;
  }
  void raw(std::span<const std::byte> bytes) {
    boost::system::error_code ignored;
    net::asio::write(socket_, net::asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  void send(link::Header header, std::span<const std::byte> payload = {}) {
    header.length = static_cast<std::uint16_t>(payload.size());
    std::vector<std::byte> bytes(link::kHeaderSize + payload.size());
    link::encode(header, bytes.data());
    if (!payload.empty()) std::memcpy(bytes.data() + link::kHeaderSize, payload.data(), payload.size());
    raw(bytes);
  }
  void hello(std::vector<link::ProcessRecord> records = {}, const std::byte* key = nullptr) {
    std::vector<std::byte> payload(link::kHelloFixed + records.size() * link::kHelloRecord);
    link::HelloHead head;
    head.count = static_cast<std::uint16_t>(records.size());
    head.has_key = key != nullptr;
    if (key) std::memcpy(head.key, key, link::kKeySize);
    link::write_hello_head(payload.data(), head);
    for (std::size_t i = 0; i < records.size(); ++i) {
      link::write_process_record(payload.data() + link::kHelloFixed + i * link::kHelloRecord, records[i]);
    }
    send({.type = Type::hello}, payload);
  }
  // The next frame; type 0 at the end of the connection.
  net::Task<link::Header> next(std::vector<std::byte>& payload) {
    std::byte head[link::kHeaderSize];
    auto [ec, n] = co_await net::asio::async_read(socket_, net::asio::buffer(head), net::use_result);
    link::Header header;
    if (ec) co_return header;
    EXPECT_EQ(link::decode(head, link::Sender::brigd, header), link::Fault::none);
    payload.resize(header.length);
    co_await net::asio::async_read(socket_, net::asio::buffer(payload), net::use_result);
    co_return header;
  }
  net::Task<void> until_closed() {
    std::vector<std::byte> payload;
    while (true) {
      auto header = co_await next(payload);
      if (header.type == Type{}) co_return;
    }
  }
  void close() { socket_.close(); }

 private:
  Protocol::socket socket_;
};

net::Task<void> expect_cut(Sandbox& s, Impostor& it, std::string_view why) {
  co_await it.until_closed();
  while (!s.recorder->why) co_await s.recorder->changed.wait();
  EXPECT_EQ(s.recorder->why->code, Code::protocol);
  EXPECT_NE(s.recorder->why->message.find(why), std::string::npos) << s.recorder->why->message;
  s.recorder->why.reset();
  EXPECT_FALSE(s.link->connected());
}

std::optional<SpawnOutcome> last_spawn;
net::Task<void> start_one(Sandbox& s, std::uint32_t id) {
  auto spec = command("x");
  spec.stdin_open = true;
  auto outcome = co_await s.link->spawn(id, spec, soon());
  if (outcome) last_spawn = *outcome;
}

// Each is one sentence of a liar, said by a supervisor that is connected and runs process 1, which has said
// 10 bytes and was given 10.
struct Lie {
  const char* why;
  link::Header header;
  std::size_t payload;
};
const Lie kLies[] = {
    {"unknown type", {.type = static_cast<Type>(200)}, 0},
    {"unknown type", {.type = static_cast<Type>(0)}, 0},
    {"other end", {.type = Type::spawn, .id = 1}, 5},
    {"other end", {.type = Type::shutdown}, 0},
    {"length", {.type = Type::exited, .id = 1}, 3},
    {"length", {.type = Type::pong}, 1},
    {"length", {.type = Type::output, .arg = 1, .id = 1, .value = 10}, 0},
    {"length", {.type = Type::stats_reply}, 39},
    {"an id", {.type = Type::output, .arg = 1, .id = 0, .value = 10}, 1},
    {"argument", {.type = Type::output, .arg = 3, .id = 1, .value = 10}, 1},
    {"argument", {.type = Type::exited, .arg = 2, .id = 1}, 4},
    {"value is out", {.type = Type::output, .arg = 1, .id = 1, .value = ~0ull}, 1},
    {"second HELLO", {.type = Type::hello}, link::kHelloFixed},
    {"where it stopped", {.type = Type::output, .arg = 1, .id = 1, .value = 9}, 5},
    {"where it stopped", {.type = Type::output, .arg = 1, .id = 1, .value = 11}, 5},
    {"nobody asked for", {.type = Type::output, .arg = 1, .id = 2, .value = 0}, 5},
    {"nobody asked for", {.type = Type::spawned, .id = 77}, 0},
    {"nobody asked for", {.type = Type::exited, .id = 77}, 4},
    {"before the output", {.type = Type::exited, .id = 1, .value = 11}, 4},
    {"where output ends", {.type = Type::output_end, .id = 1, .value = 9}, 0},
    {"never sent", {.type = Type::stdin_ack, .id = 1, .value = 11}, 0},
    {"never asked", {.type = Type::pong, .value = 1}, 0},
    {"never asked", {.type = Type::stats_reply, .value = 5}, link::kStatsSize},
    {"nobody opened", {.type = Type::opened, .id = 1}, 0},
    {"nobody opened", {.type = Type::channel_data, .id = 9}, 10},
};

net::Task<void> lies(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  Impostor first(ex);
  EXPECT_TRUE(first.connect(s));
  first.hello();
  std::vector<std::byte> key;
  auto welcome = co_await first.next(key);
  EXPECT_EQ(welcome.type, Type::welcome);
  net::Scope scope(ex, "spawner");
  scope.spawn(start_one(s, 1));
  std::vector<std::byte> payload;
  auto spawn = co_await first.next(payload);
  EXPECT_EQ(spawn.type, Type::spawn);
  first.send({.type = Type::spawned, .id = 1, .value = 5});
  co_await scope.join();
  auto written = co_await s.link->write_stdin(1, 0, bytes_of("0123456789"));
  EXPECT_TRUE(written);
  std::vector<std::byte> ten(10);
  first.send({.type = Type::output, .arg = 1, .id = 1, .value = 0}, ten);
  while (s.process(1).received < 10) co_await s.recorder->changed.wait();
  first.close();
  while (s.recorder->disconnects == 0) co_await s.recorder->changed.wait();
  s.recorder->why.reset();

  link::ProcessRecord record;
  record.id = 1;
  record.pid = 5;
  record.stdin_open = true;
  record.output_begin = record.output_end = record.stdin_received = record.stdin_consumed = 10;
  for (const Lie& lie : kLies) {
    SCOPED_TRACE(lie.why);
    Impostor it(ex);
    EXPECT_TRUE(it.connect(s));
    it.hello({record}, key.data() + 8);
    auto answer = co_await it.next(payload);
    EXPECT_EQ(answer.type, Type::welcome);
    std::vector<std::byte> bytes(lie.payload);
    it.send(lie.header, bytes);
    co_await expect_cut(s, it, lie.why);
  }
  EXPECT_EQ(s.process(1).received, 10u);
  EXPECT_FALSE(s.process(1).exit);
}
TEST(HostileSupervisor, IsCutOffForEachLie) {
  with_sandbox(
      [](Sandbox& s) -> net::Task<void> {
        EXPECT_TRUE(s.open_link());
        co_await lies(s);
      },
      false);
}

net::Task<void> floods(Sandbox& s) {
  EXPECT_TRUE(s.open_link());
  auto ex = co_await net::asio::this_coro::executor;
  Impostor it(ex);
  EXPECT_TRUE(it.connect(s));
  it.hello();
  std::vector<std::byte> payload;
  co_await it.next(payload);
  net::Scope scope(ex, "spawner");
  scope.spawn(start_one(s, 1));
  co_await it.next(payload);
  it.send({.type = Type::spawned, .id = 1, .value = 5});
  co_await scope.join();
  // Nothing is acknowledged, yet it goes on beyond its window.
  s.recorder->hold = true;
  s.recorder->keep = false;
  std::vector<std::byte> bytes(32 * 1024);
  for (std::uint64_t at = 0; at <= link::kOutputWindow; at += bytes.size()) {
    it.send({.type = Type::output, .arg = 1, .id = 1, .value = at}, bytes);
    while (s.process(1).received < at + bytes.size() && s.link->connected())
      co_await s.recorder->changed.wait();
  }
  co_await expect_cut(s, it, "window");
  EXPECT_EQ(s.process(1).received, link::kOutputWindow);
}
TEST(HostileSupervisor, CannotExceedItsWindow) {
  with_sandbox(floods, false);
}

net::Task<void> false_hellos(Sandbox& s) {
  EXPECT_TRUE(s.open_link());
  auto ex = co_await net::asio::this_coro::executor;
  std::vector<std::byte> payload;
  link::ProcessRecord fine;
  fine.id = 1;
  for (int i = 0; i < 6; ++i) {
    SCOPED_TRACE(i);
    Impostor it(ex);
    EXPECT_TRUE(it.connect(s));
    link::ProcessRecord bad = fine;
    std::vector<link::ProcessRecord> list;
    if (i == 0) bad.output_begin = 5;                      // begins after its end
    if (i == 1) bad.output_end = link::kOutputWindow + 1;  // more than a window
    if (i == 2) bad.stdin_consumed = 1;                    // consumed more than received
    if (i == 3) bad.kind = 1;                              // runs, yet has a status
    list.push_back(bad);
    if (i == 4) list.push_back(fine);  // twice
    if (i < 5) {
      it.hello(list);
    } else {
      it.raw(bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    auto answer = co_await it.next(payload);
    EXPECT_EQ(answer.type, Type{});
  }
  EXPECT_EQ(s.recorder->connects, 0);
  EXPECT_EQ(s.recorder->disconnects, 0);
}
TEST(HostileSupervisor, IsNotLetInWithANonsensicalHello) {
  with_sandbox(false_hellos, false);
}

net::Task<void> keys(Sandbox& s) {
  EXPECT_TRUE(s.open_link());
  auto ex = co_await net::asio::this_coro::executor;
  std::vector<std::byte> payload, welcome;
  Impostor first(ex);
  EXPECT_TRUE(first.connect(s));
  first.hello();
  auto answer = co_await first.next(welcome);
  EXPECT_EQ(answer.type, Type::welcome);
  // From now on nobody gets in without the key, and the one that is in stays.
  Impostor second(ex);
  EXPECT_TRUE(second.connect(s));
  second.hello();
  answer = co_await second.next(payload);
  EXPECT_EQ(answer.type, Type::reject);
  EXPECT_EQ(answer.arg, static_cast<std::uint8_t>(link::Refusal::key));
  Impostor third(ex);
  EXPECT_TRUE(third.connect(s));
  std::byte wrong[link::kKeySize] = {};
  third.hello({}, wrong);
  answer = co_await third.next(payload);
  EXPECT_EQ(answer.type, Type::reject);
  EXPECT_EQ(s.recorder->disconnects, 0);
  // With it, the newer connection takes over.
  Impostor again(ex);
  EXPECT_TRUE(again.connect(s));
  again.hello({}, welcome.data() + 8);
  answer = co_await again.next(payload);
  EXPECT_EQ(answer.type, Type::welcome);
  co_await first.until_closed();
  EXPECT_EQ(s.recorder->disconnects, 1);
  EXPECT_TRUE(s.link->connected());
  // Another version is told which we speak.
  Impostor future(ex);
  EXPECT_TRUE(future.connect(s));
  std::vector<std::byte> hello(link::kHelloFixed);
  link::write_hello_head(hello.data(), {});
  link::store(hello.data() + 4, std::uint16_t{9});
  future.send({.type = Type::hello}, hello);
  answer = co_await future.next(payload);
  EXPECT_EQ(answer.type, Type::reject);
  EXPECT_EQ(answer.arg, static_cast<std::uint8_t>(link::Refusal::version));
  EXPECT_EQ(answer.value, link::kVersion);
}
TEST(Link, LetsInOnlyWhoHasTheKey) {
  with_sandbox(keys, false);
}

net::Task<Result<void>> nobody(Peer peer) {
  EXPECT_EQ(peer.pid, ::getpid());
  co_return Error{Code::denied, "not the one", "test"};
}

net::Task<void> strangers(Sandbox& s) {
  s.check = nobody;
  EXPECT_TRUE(s.open_link());
  auto ex = co_await net::asio::this_coro::executor;
  std::vector<std::byte> payload;
  Impostor it(ex);
  EXPECT_TRUE(it.connect(s));
  auto answer = co_await it.next(payload);  // closed before it has said a word
  EXPECT_EQ(answer.type, Type{});
}
TEST(Link, ClosesStrangersAtOnce) {
  with_sandbox(strangers, false);
}

net::Task<void> crowd(Sandbox& s) {
  EXPECT_TRUE(s.open_link());
  auto ex = co_await net::asio::this_coro::executor;
  // Silent ones hold no place for ever: the oldest makes room, and the supervisor gets through.
  std::vector<std::unique_ptr<Impostor>> silent;
  for (int i = 0; i < 12; ++i) {
    silent.push_back(std::make_unique<Impostor>(ex));
    EXPECT_TRUE(silent.back()->connect(s));
  }
  co_await silent[0]->until_closed();
  s.start_init();
  auto connected = co_await s.link->wait_connected(soon());
  EXPECT_TRUE(connected);
  co_await s.run(1, shell("echo through"));
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "through\n");
}
TEST(Link, IsNotBlockedByACrowd) {
  with_sandbox(crowd, false);
}

net::Task<void> slow(Sandbox& s) {
  auto options = s.options();
  options.handshake_deadline = Millis{20};
  auto ex = co_await net::asio::this_coro::executor;
  s.link = std::make_unique<Link>(ex, options, *s.recorder);
  EXPECT_TRUE(s.link->start());
  Impostor it(ex);
  EXPECT_TRUE(it.connect(s));
  it.raw(std::vector<std::byte>(3));
  co_await it.until_closed();
}
TEST(Link, GivesTheSlowADeadline) {
  with_sandbox(slow, false);
}

TEST(Link, RefusesPeersOutsideAContainer) {
  auto refused = check_first_process({::getpid(), 0, 0}, ContainerId("0123456789abcdef"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied);
  EXPECT_FALSE(check_first_process({::getpid(), 0, 0}, ContainerId("")));
  EXPECT_FALSE(check_first_process({0, 0, 0}, ContainerId("0123456789abcdef")));
}

net::Task<void> binds_again(Sandbox& s) {
  EXPECT_TRUE(s.open_link());
  auto ex = co_await net::asio::this_coro::executor;
  // A second one takes the name over; closing the first leaves the second's file alone.
  Link second(ex, s.options(), *s.recorder);
  EXPECT_TRUE(second.start());
  co_await s.link->close();
  EXPECT_TRUE(std::filesystem::exists(s.dir() / "sock"));
  co_await second.close();
  EXPECT_FALSE(std::filesystem::exists(s.dir() / "sock"));
  int left = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(s.dir())) ++left;
  EXPECT_EQ(left, 0);
  auto options = s.options();
  options.directory = s.dir() / std::string(150, 'd');
  Link third(ex, options, *s.recorder);
  EXPECT_FALSE(third.start());
  std::filesystem::create_directory(options.directory);
  Link fourth(ex, options, *s.recorder);
  EXPECT_TRUE(fourth.start());  // longer than a socket's address
  co_await third.close();
  co_await fourth.close();
}
TEST(Link, BindsInPlaceOfAStaleSocketAndInDeepDirectories) {
  with_sandbox(binds_again, false);
}

}  // namespace
}  // namespace brig::supervisor
