// A brigd that breaks the rules: brig-init cuts the connection, makes a new one, and goes on.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "end_all.hpp"
#include "link_wire/messages.hpp"

namespace brig::init {
namespace {

using link::Type;
constexpr int kPatienceMs = 60'000;

// Plays brigd by hand, with blocking calls.
class HostileBrigd : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("brig-init-" + random_hex(6));
    std::filesystem::create_directories(dir_);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (dir_ / "sock").c_str());
    ASSERT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_, 4), 0);
    adopt_orphans();
    init_ = ::fork();
    if (init_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execl(BRIG_INIT_BINARY, "brig-init", address.sun_path, nullptr);
      ::_exit(127);
    }
    std::memset(key_, 7, sizeof key_);
  }
  void TearDown() override {
    end_all_children();
    if (fd_ >= 0) ::close(fd_);
    ::close(listener_);
    std::filesystem::remove_all(dir_);
  }

  bool wait_readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, kPatienceMs) == 1;
  }
  // Takes brig-init's next connection; gives its HELLO.
  std::vector<std::byte> accept() {
    if (fd_ >= 0) ::close(fd_);
    EXPECT_TRUE(wait_readable(listener_));
    fd_ = ::accept(listener_, nullptr, nullptr);
    std::vector<std::byte> payload;
    EXPECT_EQ(next(payload).type, Type::hello);
    return payload;
  }
  bool read_exactly(void* to, std::size_t size) {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
      if (!wait_readable(fd_)) return false;
      ssize_t n = ::read(fd_, at, size);
      if (n <= 0) return false;
      at += n;
      size -= static_cast<std::size_t>(n);
    }
    return true;
  }
  link::Header next(std::vector<std::byte>& payload) {
    std::byte head[link::kHeaderSize];
    link::Header header;
    if (!read_exactly(head, sizeof head)) return header;
    EXPECT_EQ(link::decode(head, link::Sender::supervisor, header), link::Fault::none);
    payload.resize(header.length);
    if (header.length > 0 && !read_exactly(payload.data(), payload.size())) ADD_FAILURE() << "half a frame";
    return header;
  }
  link::Header next_of(Type type, std::vector<std::byte>& payload) {
    while (true) {
      auto header = next(payload);
      if (header.type == type || header.type == Type{}) return header;
    }
  }
  void send(link::Header header, std::span<const std::byte> payload = {}) {
    std::vector<std::byte> bytes(link::kHeaderSize + payload.size());
    header.length = static_cast<std::uint16_t>(payload.size());
    link::encode(header, bytes.data());
    if (!payload.empty()) std::memcpy(bytes.data() + link::kHeaderSize, payload.data(), payload.size());
    raw(bytes);
  }
  void raw(std::span<const std::byte> bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  void welcome(std::vector<link::WelcomeRecord> records = {}) {
    std::vector<std::byte> payload(link::kWelcomeFixed + records.size() * link::kWelcomeRecord);
    link::WelcomeHead head;
    head.count = static_cast<std::uint16_t>(records.size());
    std::memcpy(head.key, key_, sizeof key_);
    link::write_welcome_head(payload.data(), head);
    for (std::size_t i = 0; i < records.size(); ++i) {
      link::write_welcome_record(payload.data() + link::kWelcomeFixed + i * link::kWelcomeRecord, records[i]);
    }
    send({.type = Type::welcome}, payload);
  }
  void spawn(std::uint32_t id, std::string_view script, bool stdin_open = false) {
    std::string strings =
        std::string("/") + '\0' + "/bin/sh" + '\0' + "-c" + '\0' + std::string(script) + '\0';
    std::vector<std::byte> payload(link::kSpawnHead + strings.size());
    link::write_spawn_head(payload.data(), {.stdin_open = stdin_open, .inherit_env = true, .argc = 3});
    std::memcpy(payload.data() + link::kSpawnHead, strings.data(), strings.size());
    send({.type = Type::spawn, .id = id}, payload);
  }
  void expect_closed() {
    std::vector<std::byte> payload;
    while (next(payload).type != Type{}) {
    }
  }
  void expect_alive() {
    std::vector<std::byte> payload;
    send({.type = Type::ping, .value = 99});
    EXPECT_EQ(next_of(Type::pong, payload).value, 99u);
  }

  std::filesystem::path dir_;
  std::byte key_[link::kKeySize];
  int listener_ = -1;
  int fd_ = -1;
  pid_t init_ = -1;
};

TEST_F(HostileBrigd, IsCutOffForEachLie) {
  accept();
  welcome();
  std::vector<std::byte> payload;
  spawn(1, "echo 12345; cat >/dev/null; sleep 1000", true);
  next_of(Type::spawned, payload);
  auto output = next_of(Type::output, payload);
  EXPECT_EQ(payload.size(), 6u);
  EXPECT_EQ(output.value, 0u);
  struct Lie {
    link::Header header;
    std::size_t size;
  };
  const Lie lies[] = {
      {{.type = static_cast<Type>(99)}, 0},
      {{.type = Type::hello}, link::kHelloFixed},
      {{.type = Type::pong}, 0},
      {{.type = Type::welcome}, link::kWelcomeFixed},              // twice
      {{.type = Type::reject, .arg = 1}, 0},                       // too late
      {{.type = Type::ack, .id = 1, .value = 7}, 0},               // more than it was sent
      {{.type = Type::stdin_data, .id = 1, .value = 1}, 5},        // a hole
      {{.type = Type::stdin_eof, .id = 1, .value = 3}, 0},         // beyond the end
      {{.type = Type::forget, .id = 1}, 0},                        // it still runs
      {{.type = Type::spawn, .id = 2}, 0},                         // no strings
      {{.type = Type::spawn, .id = 2}, 40},                        // nonsense
      {{.type = Type::signal, .arg = 9, .id = 1, .value = 4}, 0},  // no such target
      {{.type = Type::ack, .id = 0, .value = 0}, 0},
      {{.type = Type::shutdown, .value = ~0ull}, 0},
  };
  for (const Lie& lie : lies) {
    SCOPED_TRACE(static_cast<int>(lie.header.type));
    std::vector<std::byte> bytes(lie.size);
    send(lie.header, bytes);
    expect_closed();
    auto hello = accept();
    link::HelloHead head;
    ASSERT_TRUE(link::read_hello_head(hello, head));
    EXPECT_TRUE(head.has_key);
    EXPECT_EQ(std::memcmp(head.key, key_, sizeof key_), 0);
    ASSERT_EQ(head.count, 1);
    link::ProcessRecord record;
    ASSERT_TRUE(link::read_process_record(hello.data() + link::kHelloFixed, record));
    EXPECT_EQ(record.output_begin, 0u);
    EXPECT_EQ(record.output_end, 6u);
    welcome({{.id = 1, .held = 0}});
    output = next_of(Type::output, payload);  // again from where we said
    EXPECT_EQ(output.value, 0u);
    EXPECT_EQ(payload.size(), 6u);
  }
  expect_alive();
}

TEST_F(HostileBrigd, CannotMakeItSwallowMoreThanAWindow) {
  accept();
  welcome();
  std::vector<std::byte> payload;
  spawn(1, "sleep 1000", true);
  next_of(Type::spawned, payload);
  std::vector<std::byte> bytes(32 * 1024);
  // The pipe takes some; one byte beyond pipe and window is too much.
  for (std::uint64_t at = 0; at < 256 * 1024; at += bytes.size()) {
    link::Header header{.type = Type::stdin_data, .id = 1, .value = at};
    std::vector<std::byte> frame(link::kHeaderSize + bytes.size());
    header.length = static_cast<std::uint16_t>(bytes.size());
    link::encode(header, frame.data());
    if (::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL) < 0) break;
  }
  expect_closed();
  accept();
  welcome();
  expect_alive();
}

TEST_F(HostileBrigd, IsNotBelievedAboutTheHandshake) {
  accept();
  send({.type = Type::ping});  // before WELCOME
  expect_closed();
  accept();
  std::vector<std::byte> nonsense(300, std::byte{0xff});
  raw(nonsense);
  expect_closed();
  accept();
  send({.type = Type::reject, .arg = 2, .value = 1});
  expect_closed();
  accept();
  welcome({{.id = 12, .held = 5}});  // of a process it does not have: ignored
  expect_alive();
  ::close(fd_);
  fd_ = -1;
  auto hello = accept();
  std::memset(key_, 8, sizeof key_);  // another's key: that is not our brigd
  welcome();
  expect_closed();
}

TEST_F(HostileBrigd, ClaimingMoreOutputThanThereWasIsCutOff) {
  accept();
  welcome();
  std::vector<std::byte> payload;
  spawn(1, "echo 12345; sleep 1000");
  next_of(Type::output, payload);
  ::close(fd_);
  fd_ = -1;
  accept();
  welcome({{.id = 1, .held = 7}});
  expect_closed();
  accept();
  welcome({{.id = 1, .held = 6}});
  expect_alive();
}

TEST_F(HostileBrigd, ThatNeverReadsCostsNothingAndOnesThatComeAfterGetEverything) {
  accept();
  welcome();
  std::vector<std::byte> payload;
  spawn(1, "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; exec sleep 1000");
  // Questions without end, and no answer is read: it must stop reading, not grow.
  std::vector<std::byte> pings(link::kHeaderSize * 1000);
  for (std::size_t i = 0; i < 1000; ++i)
    link::encode({.type = Type::ping, .value = i}, pings.data() + i * link::kHeaderSize);
  std::size_t sent = 0;
  while (true) {
    pollfd p{fd_, POLLOUT, 0};
    if (::poll(&p, 1, 1000) != 1) break;
    ssize_t n = ::send(fd_, pings.data(), pings.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
    ASSERT_LT(sent, std::size_t{64} << 20);
  }
  ::close(fd_);
  fd_ = -1;
  accept();
  welcome();
  std::string got;
  while (got.find("2999\n") == got.npos) {
    auto output = next_of(Type::output, payload);
    ASSERT_EQ(output.value, got.size());
    got.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  }
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(got, expected);
}

TEST_F(HostileBrigd, SpawnPartsAreBoundedAndBelongTogether) {
  accept();
  welcome();
  std::vector<std::byte> part(60'000, std::byte{'x'});
  for (int i = 0; i < 30; ++i) {
    link::Header header{.type = Type::spawn_part, .length = 60'000, .id = 5};
    std::vector<std::byte> frame(link::kHeaderSize + part.size());
    link::encode(header, frame.data());
    if (::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL) < 0) break;
  }
  expect_closed();
  accept();
  welcome();
  send({.type = Type::spawn_part, .id = 5}, part);
  send({.type = Type::spawn_part, .id = 6}, part);
  expect_closed();
  accept();
  welcome();
  expect_alive();
}

}  // namespace
}  // namespace brig::init
