// A stand-in for one-shots: it says what it was told to, and remembers what it was asked.
#pragma once

#include <deque>

#include "net/event.hpp"
#include "session/one_shot.hpp"

namespace brig::api::test {

class FakeOneShots final : public session::OneShots {
 public:
  explicit FakeOneShots(const boost::asio::any_io_executor& executor) : changed(executor) {}

  net::Task<Result<std::unique_ptr<session::Answer>>> ask(session::Caller who,
                                                          session::AskSpec what) override {
    caller = std::move(who);
    spec = std::move(what);
    if (failure) co_return *failure;
    ++open;
    co_return std::unique_ptr<session::Answer>(std::make_unique<Fake>(*this));
  }

  void say(std::string text, session::Output::Stream stream = session::Output::Stream::out) {
    said.push_back({stream, std::move(text)});
    changed.notify_all();
  }
  void end(session::Outcome with) {
    outcome = std::move(with);
    changed.notify_all();
  }

  net::Event changed;
  std::optional<Error> failure;
  std::optional<session::Caller> caller;
  session::AskSpec spec;
  int open = 0;

 private:
  struct Said {
    session::Output::Stream stream;
    std::string text;
  };
  class Fake final : public session::Answer {
   public:
    explicit Fake(FakeOneShots& all) : all_(all) {}
    ~Fake() override { --all_.open; }
    net::Task<Result<std::optional<session::AttachEvent>>> next() override {
      while (all_.said.empty() && !all_.outcome) co_await all_.changed.wait();
      if (all_.said.empty()) co_return session::AttachEvent(session::Ended{*all_.outcome});
      last_ = std::move(all_.said.front());
      all_.said.pop_front();
      session::Output output{last_.stream, offset_, std::as_bytes(std::span(last_.text))};
      offset_ += last_.text.size();
      co_return session::AttachEvent(output);
    }

   private:
    FakeOneShots& all_;
    Said last_{};
    std::uint64_t offset_ = 0;
  };

  std::deque<Said> said;
  std::optional<session::Outcome> outcome;
};

}  // namespace brig::api::test
