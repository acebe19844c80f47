// The window of output: order, runs, acknowledgement, resumption, against a plain model.
#include "init/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>

namespace brig::init {
namespace {

struct Pipe {
  int fds[2];
  Pipe() { EXPECT_EQ(::pipe2(fds, O_NONBLOCK), 0); }
  ~Pipe() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
};

std::string bytes_of(const Output& output, std::uint64_t offset, std::size_t length) {
  iovec parts[2];
  int count = output.bytes(offset, length, parts);
  std::string out;
  for (int i = 0; i < count; ++i) out.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return out;
}

TEST(Output, AgreesWithAModelWhateverHappens) {
  std::mt19937 random(1);
  auto upto = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n)(random); };
  for (int round = 0; round < 20; ++round) {
    Output output;
    ASSERT_TRUE(output.open());
    Pipe out, err;
    std::string model;    // every byte ever read
    std::string streams;  // and where it came from
    std::uint64_t sent = 0, acked = 0;
    for (int step = 0; step < 3000; ++step) {
      switch (upto(5)) {
        case 0:
        case 1: {
          if (!output.has_room()) break;
          bool is_err = upto(2) == 0;
          std::string text(upto(round % 2 ? 40000 : 20) + 1, static_cast<char>('a' + upto(25)));
          Pipe& pipe = is_err ? err : out;
          ASSERT_EQ(::write(pipe.fds[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
          ssize_t n = output.read_from(pipe.fds[0], is_err ? link::Stream::err : link::Stream::out);
          ASSERT_GT(n, 0);
          std::string rest(65536, 0);
          while (::read(pipe.fds[0], rest.data(), rest.size()) > 0) {
          }
          model += text.substr(0, static_cast<std::size_t>(n));
          streams += std::string(static_cast<std::size_t>(n), is_err ? 'e' : 'o');
          break;
        }
        case 2:
        case 3: {
          link::Stream stream{};
          std::size_t length = output.next(1 + upto(link::kMaxPayload - 1), stream);
          ASSERT_EQ(length == 0, sent == model.size());
          if (length == 0) break;
          ASSERT_EQ(bytes_of(output, sent, length), model.substr(sent, length));
          std::string expected(length, stream == link::Stream::err ? 'e' : 'o');
          ASSERT_EQ(streams.substr(sent, length), expected);
          output.mark_sent(length);
          sent += length;
          break;
        }
        case 4:
          acked += upto(sent - acked);
          ASSERT_TRUE(output.acknowledge(acked));
          ASSERT_FALSE(output.acknowledge(sent + 1));
          break;
        case 5:
          if (upto(20) != 0) break;
          ASSERT_FALSE(output.resume(model.size() + 1));
          acked += upto(model.size() - acked);
          ASSERT_TRUE(output.resume(acked));
          sent = acked;
          break;
      }
      ASSERT_EQ(output.begin(), acked);
      ASSERT_EQ(output.end(), model.size());
      ASSERT_EQ(output.sent(), sent);
      ASSERT_LE(output.size(), link::kOutputWindow);
      if (step % 50 == 0) output.trim();
    }
    output.close();
  }
}

TEST(Output, StopsAtItsWindow) {
  Output output;
  ASSERT_TRUE(output.open());
  Pipe pipe;
  std::string text(60000, 'x');
  while (output.has_room()) {
    if (::write(pipe.fds[1], text.data(), text.size()) < 0) {
      ASSERT_EQ(errno, EAGAIN);
    }
    ASSERT_GT(output.read_from(pipe.fds[0], link::Stream::out), 0);
  }
  EXPECT_EQ(output.size(), link::kOutputWindow);
  output.close();
}

TEST(Output, ManySmallTurnsBetweenStreamsAreBounded) {
  Output output;
  ASSERT_TRUE(output.open());
  Pipe pipe;
  int turns = 0;
  while (output.has_room()) {
    ASSERT_EQ(::write(pipe.fds[1], "x", 1), 1);
    ASSERT_EQ(output.read_from(pipe.fds[0], turns++ % 2 ? link::Stream::err : link::Stream::out), 1);
  }
  EXPECT_EQ(turns, 2048);
  link::Stream stream{};
  for (int i = 0; i < turns; ++i) {
    ASSERT_EQ(output.next(100, stream), 1u);
    output.mark_sent(1);
  }
  ASSERT_TRUE(output.acknowledge(2048));
  EXPECT_TRUE(output.has_room());
  output.close();
}

}  // namespace
}  // namespace brig::init
