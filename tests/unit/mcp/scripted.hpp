// A server at the other end of a pipe that says what a test has it say.
//
//   TEST(Client, Subject) {
//     play([](World& w) -> net::Task<void> {
//       auto& call = w.call("tools/list");
//       auto request = co_await w.pipe.next();
//       w.pipe.say(R"({"jsonrpc":"2.0","id":1,"result":{}})");
//       co_await w.settled(call);
//     });
//   }
//
// Ownership: play() makes the World and closes it. Threads: the loop's. Failure: a test that waits for what
// never comes ends with a timeout, which fails it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <list>

#include "core/text.hpp"
#include "mcp/client.hpp"
#include "mcp/json.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"

namespace brig::mcp::testing {

class ScriptedPipe final : public Pipe {
 public:
  explicit ScriptedPipe(net::asio::any_io_executor executor) : changed_(executor) {}

  net::Task<Result<bool>> ready() override {
    if (!asleep) co_return true;
    ++waked;
    co_await net::sleep_for(Millis(2));
    co_return false;
  }
  net::Task<Result<void>> send(std::string lines) override {
    while (stuck && !broken) co_await changed_.wait();
    if (broken) co_return *broken;
    ++sends;
    for (auto line : split(lines, '\n')) sent_.emplace_back(line);
    changed_.notify_all();
    co_return Result<void>();
  }
  net::Task<Result<Line>> receive() override {
    while (said_.empty() && !end_) co_await changed_.wait();
    if (said_.empty()) co_return *end_;
    auto line = std::move(said_.front());
    said_.pop_front();
    co_return line;
  }

  // What the client has sent, in turn.
  net::Task<std::string> next() {
    while (sent_.empty()) co_await changed_.wait();
    auto line = std::move(sent_.front());
    sent_.pop_front();
    co_return line;
  }
  std::size_t sends = 0;  // each with one line or more
  int waked = 0;          // in vain
  bool nothing_sent() const { return sent_.empty(); }
  void say(std::string line) { say(Line::of(std::move(line))); }
  void say(Line line) {
    said_.push_back(std::move(line));
    changed_.notify_all();
  }
  void end(Error why) {
    end_ = std::move(why);
    changed_.notify_all();
  }
  void set_stuck(bool value) {
    stuck = value;
    changed_.notify_all();
  }
  void set_asleep(bool value) { asleep = value; }
  void set_broken(Error why) {
    broken = std::move(why);
    changed_.notify_all();
  }

 private:
  bool asleep = false;
  bool stuck = false;
  std::optional<Error> broken;
  std::deque<std::string> sent_;
  std::deque<Line> said_;
  std::optional<Error> end_;
  net::Event changed_;
};

class Recorder final : public ClientObserver {
 public:
  explicit Recorder(net::asio::any_io_executor executor) : changed(executor) {}

  net::Task<Answer> on_request(std::string method, std::string params) override {
    struct Leave {
      Recorder& self;
      ~Leave() {
        ++self.requests_left;
        self.changed.notify_all();
      }
    } leave{*this};
    requests.push_back(method + " " + params);
    changed.notify_all();
    while (hold_requests) co_await changed.wait();
    co_return reply;
  }
  void on_notification(const std::string& method, const std::string& params) override {
    note(notifications, method + " " + params);
  }
  void on_log(std::string line) override { note(logs, std::move(line)); }
  void on_fault(std::string what) override { note(faults, std::move(what)); }
  void on_stray_answer(const std::string& id, const Answer& answer) override {
    note(strays, id + " " + answer.json);
  }
  void on_ended(const Error& why) override { note(ends, why.message); }

  net::Task<void> until(const std::vector<std::string>& list, std::size_t size) {
    while (list.size() < size) co_await changed.wait();
  }

  std::vector<std::string> requests, notifications, logs, faults, strays, ends;
  std::size_t requests_left = 0;
  bool hold_requests = false;
  Answer reply = Answer::result("{}");
  net::Event changed;

 private:
  void note(std::vector<std::string>& list, std::string what) {
    list.push_back(std::move(what));
    changed.notify_all();
  }
};

struct RunningCall {
  std::optional<Result<Answer>> outcome;
};

struct World {
  explicit World(net::asio::any_io_executor executor, Client::Options options)
      : scope(executor, "test"),
        pipe(executor),
        observer(executor),
        client(executor, pipe, observer, std::move(options)),
        changed(executor) {}

  static Call plain(std::string method, std::string params = {}) {
    Call call;
    call.method = std::move(method);
    call.params = std::move(params);
    call.deadline = Deadline::in(Millis(60'000));
    return call;
  }
  RunningCall& call(Call call) {
    calls.emplace_back();
    scope.spawn(run(*this, std::move(call), calls.back()));
    return calls.back();
  }
  RunningCall& call(std::string method, std::string params = {}) {
    return call(plain(std::move(method), std::move(params)));
  }
  net::Task<void> settled(RunningCall& call) {
    while (!call.outcome) co_await changed.wait();
  }

  static net::Task<void> run(World& world, Call call, RunningCall& slot) {
    slot.outcome = co_await world.client.request(std::move(call));
    world.changed.notify_all();
  }

  net::Scope scope;
  ScriptedPipe pipe;
  Recorder observer;
  Client client;
  net::Event changed;
  std::list<RunningCall> calls;
};

using Script = net::Task<void> (*)(World&);

inline net::Task<Result<void>> run_script(World& world, Script script) {
  co_await script(world);
  co_return Result<void>();
}

inline net::Task<Result<void>> in_world(Script script, Client::Options options) {
  World world(co_await net::asio::this_coro::executor, std::move(options));
  world.client.start();
  auto running = run_script(world, script);
  auto limit = Deadline::in(Millis(120'000));
  auto done = co_await net::with_deadline(std::move(running), limit, "the script");
  co_await world.client.close();
  co_await world.scope.close();
  co_return done;
}

inline void play(Script script, Client::Options options = {}) {
  if (options.name.empty()) options.name = "ev";
  auto done = net::run_task(in_world(script, std::move(options)));
  EXPECT_TRUE(done) << done.error().message;
}

// "ok", or the code of the error.
template <class T>
std::string verdict(const T& call) {
  return *call.outcome ? "ok" : std::string(to_string(call.outcome->error().code));
}

inline std::string id_of(const std::string& request) {
  return std::string(json::find(request, "id").value_or("none"));
}

inline std::string result(const std::string& id, const std::string& body) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":)" + body + "}";
}

}  // namespace brig::mcp::testing
