#include "session/process.hpp"

#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "session/attachment.hpp"

namespace brig::session {
namespace {

class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "brig-process-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    auto log = outlog::OutputLog::open(dir_ / "out");
    ASSERT_TRUE(log);
    process_ = std::make_shared<Process>(context_.get_executor(), Process::About{}, *log);
    process_->on_room = [this](std::uint64_t offset) { told_.push_back(offset); };
  }
  void TearDown() override {
    process_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::uint64_t store(std::string_view text) {
    return process_->store(Output::Stream::out, process_->output_end(), WallTime{},
                           std::as_bytes(std::span(text)));
  }
  std::uint64_t store_many(std::uint64_t bytes) {
    std::string chunk(64 * 1024, 'x');
    std::uint64_t acknowledged = 0;
    for (std::uint64_t done = 0; done < bytes; done += chunk.size()) acknowledged = store(chunk);
    return acknowledged;
  }

  net::asio::io_context context_;
  std::filesystem::path dir_;
  std::shared_ptr<Process> process_;
  std::vector<std::uint64_t> told_;
};

TEST_F(ProcessTest, WithoutReadersEverythingStoredMayBeLetGo) {
  EXPECT_EQ(store("hello"), 5u);
  auto acknowledged = store_many(4 << 20);
  EXPECT_EQ(acknowledged, process_->output_end());
}

TEST_F(ProcessTest, RepetitionsAreStoredOnce) {
  store("hello");
  std::string_view again = "hello world";
  EXPECT_EQ(process_->store(Output::Stream::out, 0, WallTime{}, std::as_bytes(std::span(again))), 11u);
  EXPECT_EQ(process_->store(Output::Stream::out, 2, WallTime{}, std::as_bytes(std::span(again.substr(2)))),
            11u);
  EXPECT_EQ(process_->output_end(), 11u);
}

TEST_F(ProcessTest, APacingReaderHoldsTheProcessBackAndLetsItGo) {
  auto pace = process_->pace(0);
  EXPECT_EQ(store_many(4 << 20), Process::kPaceWindow);
  told_.clear();
  pace->advance(1000);
  ASSERT_FALSE(told_.empty());
  EXPECT_EQ(told_.back(), Process::kPaceWindow + 1000);
  auto slower = process_->pace(500);
  EXPECT_EQ(told_.back(),
            Process::kPaceWindow + 500);  // an offset never goes back on the link; it ignores this
  slower.reset();
  pace.reset();
  EXPECT_EQ(told_.back(), process_->output_end());
}

TEST_F(ProcessTest, AHoldEndsWithItsTimeOrWithTheReadersReturn) {
  SteadyTime now{};
  process_->hold(0, now + Millis(1000));
  EXPECT_EQ(store_many(4 << 20), Process::kPaceWindow);
  EXPECT_TRUE(process_->expire_hold(now + Millis(999)));
  EXPECT_FALSE(process_->expire_hold(now + Millis(1000)));
  EXPECT_EQ(told_.back(), process_->output_end());

  process_->hold(process_->output_end(), now + Millis(5000));
  auto end = process_->output_end();
  EXPECT_EQ(store_many(4 << 20), end + Process::kPaceWindow);
  auto pace = process_->pace(end);  // it is back: from here on it paces, not the hold
  pace->advance(process_->output_end());
  EXPECT_EQ(told_.back(), process_->output_end());
}

TEST_F(ProcessTest, WhatCannotComeIsAGapForReaders) {
  store("abc");
  process_->skip_to(10);
  store("xyz");
  AttachSpec kept;
  kept.follow = false;
  auto attachment = attach_to(process_, {}, kept);
  std::string seen;
  auto collect = [](Attachment& from, std::string& into) -> net::Task<bool> {
    while (true) {
      auto event = co_await from.next();
      if (!event || !*event) co_return event.ok();
      if (auto* output = std::get_if<Output>(&**event)) {
        into.append(reinterpret_cast<const char*>(output->bytes.data()), output->bytes.size());
      } else if (auto* gap = std::get_if<Gap>(&**event)) {
        into += "[" + std::to_string(gap->from) + "-" + std::to_string(gap->to) + "]";
      }
    }
  };
  EXPECT_TRUE(net::run_task(collect(*attachment, seen)));
  EXPECT_EQ(seen, "abc[3-10]xyz");
}

TEST_F(ProcessTest, AnAttachmentThatOnlyWatchesSendsNothing) {
  auto attachment = attach_to(process_, {}, AttachSpec{});
  auto refused = net::run_task(attachment->write(0, std::vector<std::byte>(3)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied);
}

TEST_F(ProcessTest, TheEndComesAfterTheLastByteAndOnce) {
  store("bye");
  process_->end(Outcome{Outcome::Kind::exited, 3, 0, ""}, WallTime{});
  process_->end(Outcome{Outcome::Kind::lost, 0, 0, ""}, WallTime{});  // the first word counts
  auto attachment = attach_to(process_, {}, AttachSpec{});
  auto read_all = [](Attachment& from) -> net::Task<std::vector<std::string>> {
    std::vector<std::string> kinds;
    while (true) {
      auto event = co_await from.next();
      if (!event || !*event) co_return kinds;
      if (auto* ended = std::get_if<Ended>(&**event)) {
        kinds.push_back("ended " + std::to_string(ended->outcome.exit_code()));
      } else {
        kinds.push_back("output");
      }
    }
  };
  auto kinds = net::run_task(read_all(*attachment));
  EXPECT_EQ(kinds, (std::vector<std::string>{"output", "ended 3"}));
}

}  // namespace
}  // namespace brig::session
