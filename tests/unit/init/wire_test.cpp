// The frames: what goes in comes out, and what is out of bounds does not get in.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "link_wire/messages.hpp"

namespace brig::link {
namespace {

TEST(Frame, ComesOutAsItWentIn) {
  std::byte bytes[kHeaderSize + 3] = {};
  Header header{.type = Type::output, .arg = 2, .length = 3, .id = 7, .value = 0x123456789abcdef};
  encode(header, bytes);
  std::span<const std::byte> in(bytes);
  Frame frame;
  Fault fault{};
  ASSERT_EQ(next_frame(in, Sender::supervisor, frame, fault), Status::frame);
  EXPECT_EQ(frame.header.type, Type::output);
  EXPECT_EQ(frame.header.arg, 2);
  EXPECT_EQ(frame.header.id, 7u);
  EXPECT_EQ(frame.header.value, 0x123456789abcdefu);
  EXPECT_EQ(frame.payload.size(), 3u);
  EXPECT_TRUE(in.empty());
}

TEST(Frame, WaitsForItsRest) {
  std::byte bytes[kHeaderSize + 3] = {};
  encode({.type = Type::output, .arg = 1, .length = 3, .id = 7}, bytes);
  for (std::size_t size = 0; size < sizeof bytes; ++size) {
    std::span<const std::byte> in(bytes, size);
    Frame frame;
    Fault fault{};
    EXPECT_EQ(next_frame(in, Sender::supervisor, frame, fault), Status::more);
    EXPECT_EQ(in.size(), size);
  }
}

// As the page of documentation lays them out; this must never change within a version.
TEST(Frame, HasTheDocumentedLayout) {
  std::byte bytes[kHeaderSize];
  encode({.type = Type::ack, .arg = 5, .length = 0x0201, .id = 0x06050403, .value = 0x0e0d0c0b0a090807},
         bytes);
  EXPECT_EQ(static_cast<int>(bytes[0]), 36);
  EXPECT_EQ(static_cast<int>(bytes[1]), 5);
  for (int i = 2; i < 16; ++i) EXPECT_EQ(static_cast<int>(bytes[i]), i - 1);
}

TEST(Frame, OfEveryTypeIsHeldToItsRule) {
  for (int type = 0; type < 256; ++type) {
    const Rule* rule = rule_of(static_cast<Type>(type));
    Header good{.type = static_cast<Type>(type)};
    if (rule) {
      good.arg = rule->min_arg;
      good.length = rule->min_length;
      good.id = rule->needs_id ? 1 : 0;
      EXPECT_TRUE(rule->from_brigd || rule->from_supervisor);
    }
    auto check = [&](const Header& header, Sender sender) {
      std::byte bytes[kHeaderSize];
      encode(header, bytes);
      Header out;
      return decode(bytes, sender, out);
    };
    if (!rule) {
      EXPECT_EQ(check(good, Sender::brigd), Fault::unknown_type);
      continue;
    }
    EXPECT_EQ(check(good, Sender::brigd) == Fault::none, rule->from_brigd);
    EXPECT_EQ(check(good, Sender::supervisor) == Fault::none, rule->from_supervisor);
    Sender sender = rule->from_brigd ? Sender::brigd : Sender::supervisor;
    Header bad = good;
    bad.id = good.id ? 0 : 1;
    EXPECT_EQ(check(bad, sender), Fault::bad_id);
    if (rule->max_length < 0xffff) {
      bad = good;
      bad.length = static_cast<std::uint16_t>(rule->max_length + 1);
      EXPECT_EQ(check(bad, sender), Fault::bad_length);
    }
    if (rule->max_arg < 255) {
      bad = good;
      bad.arg = static_cast<std::uint8_t>(rule->max_arg + 1);
      EXPECT_EQ(check(bad, sender), Fault::bad_arg);
    }
    if (rule->max_value != kAnyValue) {
      bad = good;
      bad.value = rule->max_value + 1;
      EXPECT_EQ(check(bad, sender), Fault::bad_value);
    }
  }
}

TEST(Message, ProcessRecordComesOutAsItWentIn) {
  ProcessRecord r{.id = 3,
                  .pid = 44,
                  .state = ProcessState::exited,
                  .terminal = true,
                  .output_closed = true,
                  .kind = 1,
                  .status = 9,
                  .output_begin = 1000,
                  .output_end = 2000,
                  .stdin_received = 30,
                  .stdin_consumed = 20,
                  .exit_offset = 1500};
  std::byte bytes[kHelloRecord];
  write_process_record(bytes, r);
  ProcessRecord out;
  ASSERT_TRUE(read_process_record(bytes, out));
  EXPECT_EQ(out.id, 3u);
  EXPECT_TRUE(out.terminal && out.output_closed && !out.stdin_open);
  EXPECT_EQ(out.status, 9u);
  EXPECT_EQ(out.exit_offset, 1500u);
  std::byte again[kHelloRecord];
  write_process_record(again, out);
  EXPECT_EQ(std::memcmp(bytes, again, sizeof bytes), 0);
}

TEST(Message, SpawnNeedsExactlyItsStrings) {
  auto spawn = [](std::uint32_t argc, std::uint32_t envc, std::string_view strings) {
    std::vector<std::byte> bytes(kSpawnHead + strings.size());
    write_spawn_head(bytes.data(), {.argc = argc, .envc = envc});
    std::memcpy(bytes.data() + kSpawnHead, strings.data(), strings.size());
    SpawnHead head;
    std::span<const std::byte> out;
    return read_spawn(bytes, head, out);
  };
  using std::string_view_literals::operator""sv;
  EXPECT_TRUE(spawn(1, 0, "/\0ls\0"sv));
  EXPECT_TRUE(spawn(2, 1, "/\0ls\0-l\0A=b\0"sv));
  EXPECT_TRUE(spawn(1, 0, "\0\0"sv));
  EXPECT_FALSE(spawn(0, 1, "/\0ls\0"sv));
  EXPECT_FALSE(spawn(1, 0, "/\0ls"sv));
  EXPECT_FALSE(spawn(2, 0, "/\0ls\0"sv));
  EXPECT_FALSE(spawn(1, 0, "/\0ls\0-l\0"sv));
  EXPECT_FALSE(spawn(1, 0, ""sv));
  EXPECT_FALSE(spawn(0xffffffff, 0xffffffff, "/\0ls\0"sv));
}

// Whatever bytes come: decoding ends, and stays within them (under the sanitizers this says more).
TEST(Frame, NoiseIsHarmless) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::byte> bytes(random() % 200);
    for (auto& b : bytes) b = static_cast<std::byte>(random() % 4 == 0 ? random() % 70 : random() % 2);
    std::span<const std::byte> in(bytes);
    Frame frame;
    Fault fault{};
    while (next_frame(in, round % 2 ? Sender::brigd : Sender::supervisor, frame, fault) == Status::frame) {
      EXPECT_LE(frame.payload.size(), bytes.size());
    }
  }
}

}  // namespace
}  // namespace brig::link
