#include "cli/mcp/bridge.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "cli/client/http.hpp"
#include "cli/client/sse.hpp"
#include "core/text.hpp"
#include "mcp/json.hpp"
#include "mcp/message.hpp"

namespace brig::cli {
namespace {

using mcp::Message;
namespace json = mcp::json;

constexpr std::size_t kMaxBody = mcp::kMaxLine + 4096;
constexpr std::size_t kAtOnce = 64;  // requests
constexpr Millis kToHead{660'000};   // longer than the gateway lets a call take
constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{5'000};
constexpr int kTries = 8;

struct Session {
  std::string id;
  std::string version;
};

// What came of one exchange with the gateway.
struct Heard {
  int status = 0;         // 0: there was no answer, or it broke off
  bool answered = false;  // the message that was waited for has been passed on
  std::string session;    // of a new one
  std::string version;    // what was agreed on for it
  std::string last_event;
  std::string why;  // no answer, or a refusal
};

class Bridge {
 public:
  explicit Bridge(BridgeSpec spec) : spec_(std::move(spec)), plain_(spec_.endpoint) {}

  Result<void> run();

 private:
  // What one exchange is about.
  struct Ask {
    std::string_view method = "POST";
    std::string_view body;
    std::string id;  // of the request whose answer is waited for; empty: none
    std::string last_event;
    bool quiet = false;  // its answer is for us
  };

  void read_input();
  void take(const std::string& line);
  void begin(Message message, std::string line);
  void carry(std::string id, std::string line);
  void note_cancelled(const Message& message);
  void post_plain(const std::string& line);
  void listen();
  Heard exchange(Client& client, const Session& session, const Ask& ask);
  bool renew(const Session& old);
  Session session();
  void say(std::string_view line);
  void fail(const std::string& id, std::string_view why);
  bool pause(Millis time);

  BridgeSpec spec_;
  Client plain_;  // for what is sent in order
  UniqueFd stop_read_, stop_write_;
  std::mutex out_mutex_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Session session_;
  std::string hello_;                    // the client's own initialize
  std::map<std::string, bool> carried_;  // requests on their way, and whether they were taken back
  struct Carrier {
    std::thread thread;
    bool done = false;
  };
  std::list<Carrier> carriers_;
  std::optional<std::thread> listener_;
};

Session Bridge::session() {
  std::lock_guard lock(mutex_);
  return session_;
}

void Bridge::say(std::string_view line) {
  std::lock_guard lock(out_mutex_);
  spec_.out(line);
}

void Bridge::fail(const std::string& id, std::string_view why) {
  say(mcp::write_answer(id, mcp::Answer::error(mcp::kServerError, why)));
}

// False if we are to stop.
bool Bridge::pause(Millis time) {
  pollfd p{stop_read_.get(), POLLIN, 0};
  return ::poll(&p, 1, static_cast<int>(time.count())) == 0;
}

Heard Bridge::exchange(Client& client, const Session& session, const Ask& ask) {
  std::string headers = "Accept: application/json, text/event-stream\r\n";
  if (!session.id.empty()) headers += "Mcp-Session-Id: " + session.id + "\r\n";
  if (!session.version.empty()) headers += "MCP-Protocol-Version: " + session.version + "\r\n";
  if (!ask.last_event.empty()) headers += "Last-Event-ID: " + ask.last_event + "\r\n";
  Heard heard;
  std::string body;
  auto pass_on = [&](const std::string& data) {
    auto message = mcp::read_message(data);
    auto* good = std::get_if<Message>(&message);
    if (!good) return;
    heard.answered |= good->is_answer() && !ask.id.empty() && good->id == ask.id;
    if (heard.version.empty()) heard.version = json::find_text(good->body, "protocolVersion").value_or("");
    if (!ask.quiet) say(json::one_line(data));
  };
  auto take = [&](const SseReader::Message& message) {
    pass_on(message.data);
    return true;
  };
  SseReader reader(take, kMaxBody);
  auto hear = [&](const ResponseHead& head, std::string_view part) {
    if (head.get("content-type") == "text/event-stream") return reader.feed(part).ok();
    body += part;
    return body.size() <= kMaxBody;
  };
  auto head = client.converse(ask.method, spec_.path, headers, ask.body, hear, kToHead);
  heard.last_event = reader.last_id().empty() ? ask.last_event : reader.last_id();
  if (!head) {
    heard.why = head.error().message;
    return heard;
  }
  heard.status = head->status;
  heard.session = head->get("mcp-session-id");
  if (heard.status < 400) {
    if (!body.empty()) pass_on(body);
    if (!heard.answered) heard.why = "brigd ended the stream before it answered";
    return heard;
  }
  auto refusal = mcp::read_message(body);
  auto* said = std::get_if<Message>(&refusal);
  heard.why = said ? json::find_text(said->body, "message").value_or("")
                   : problem_to_error(heard.status, body).message;
  return heard;
}

// A session in place of one that brigd does not know any more.
bool Bridge::renew(const Session& old) {
  std::unique_lock lock(mutex_);
  if (session_.id != old.id) return true;  // somebody has, meanwhile
  Client client(spec_.endpoint);
  Ask hello;
  hello.body = hello_;
  hello.quiet = true;
  auto heard = exchange(client, {}, hello);
  if (heard.status != 200 || heard.session.empty()) return false;
  session_ = {heard.session, heard.version};
  return true;
}

void Bridge::carry(std::string id, std::string line) {
  Client client(spec_.endpoint);
  Ask ask;
  ask.body = line;
  ask.id = id;
  auto wait = kFirstPause;
  bool renewed = false;
  std::string why;
  for (int tries = 0; tries < kTries; ++tries) {
    auto now = session();
    auto heard = exchange(client, now, ask);
    if (heard.answered) return;
    why = heard.why;
    if (heard.status == 404 && ask.method == "POST" && !renewed) {
      renewed = renew(now);
      if (renewed) continue;
    }
    // Only where we know that it was begun, and up to where we heard of it, is there something to come back
    // to.
    bool broke_off = heard.status == 0 && !heard.last_event.empty();
    if (!broke_off) break;
    ask.method = "GET";
    ask.body = {};
    ask.last_event = heard.last_event;
    if (!pause(wait)) break;
    wait = std::min(2 * wait, kLongestPause);
  }
  {
    std::lock_guard lock(mutex_);
    if (carried_[id]) return;  // nobody waits for it
  }
  fail(id, why);
}

void Bridge::note_cancelled(const Message& message) {
  std::lock_guard lock(mutex_);
  auto found = carried_.find(std::string(json::find(message.body, "requestId").value_or("")));
  if (found != carried_.end()) found->second = true;
}

void Bridge::post_plain(const std::string& line) {
  Ask ask;
  ask.body = line;
  auto now = session();
  auto heard = exchange(plain_, now, ask);
  if (heard.status == 404 && renew(now)) exchange(plain_, session(), ask);
}

void Bridge::begin(Message message, std::string line) {
  Ask ask;
  ask.body = line;
  ask.id = message.id;
  auto heard = exchange(plain_, {}, ask);
  if (!heard.answered) return fail(message.id, heard.why);
  if (heard.session.empty()) return;
  {
    std::lock_guard lock(mutex_);
    session_ = {heard.session, heard.version};
    hello_ = std::move(line);
  }
  if (!listener_) listener_.emplace([this] { listen(); });
}

// What the gateway says unasked.
void Bridge::listen() {
  Client client(spec_.endpoint);
  client.interrupt_by(stop_read_.get());
  Ask ask;
  ask.method = "GET";
  auto wait = kFirstPause;
  do {
    auto now = session();
    auto heard = exchange(client, now, ask);
    if (heard.status == 404 && ask.last_event.empty()) (void)renew(now);
    bool lost = heard.status >= 400;  // those events are not there any more
    if (heard.last_event != ask.last_event) wait = kFirstPause;
    ask.last_event = lost ? std::string() : heard.last_event;
    if (!pause(wait)) return;
    wait = std::min(2 * wait, kLongestPause);
  } while (true);
}

void Bridge::take(const std::string& line) {
  auto reading = mcp::read_message(line);
  if (auto* bad = std::get_if<mcp::Malformed>(&reading)) {
    say(mcp::write_answer("null", mcp::Answer::error(mcp::kInvalidRequest, bad->why)));
    return;
  }
  auto message = std::get<Message>(std::move(reading));
  if (message.method == "notifications/cancelled") note_cancelled(message);
  if (message.kind != Message::Kind::request) return post_plain(line);
  if (message.method == "initialize") return begin(std::move(message), line);
  std::unique_lock lock(mutex_);
  while (carried_.size() >= kAtOnce) changed_.wait(lock);
  if (!carried_.emplace(message.id, false).second) {
    lock.unlock();
    return fail(message.id, "this id is that of a request in flight; use another");
  }
  std::list<Carrier> ended;
  for (auto it = carriers_.begin(); it != carriers_.end();) {
    auto here = it++;
    if (here->done) ended.splice(ended.end(), carriers_, here);
  }
  auto& own = carriers_.emplace_back();
  own.thread = std::thread([this, &own, id = message.id, line] {
    carry(id, line);
    std::lock_guard done(mutex_);
    carried_.erase(id);
    own.done = true;
    changed_.notify_all();
  });
  lock.unlock();
  for (auto& one : ended) one.thread.join();
}

void Bridge::read_input() {
  mcp::LineSplitter splitter;
  auto take_line = [this](mcp::Line line) {
    if (line.too_long()) {
      say(mcp::write_answer("null",
                            mcp::Answer::error(mcp::kInvalidRequest, "a line is longer than 10 MiB")));
    } else {
      take(line.text);
    }
  };
  std::string buffer(65536, '\0');
  while (true) {
    auto count = ::read(spec_.in, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    splitter.feed(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)), take_line);
  }
  if (auto rest = splitter.finish()) take_line(std::move(*rest));
}

Result<void> Bridge::run() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "a pipe cannot be made", "cli");
  stop_read_ = UniqueFd(ends[0]);
  stop_write_ = UniqueFd(ends[1]);
  read_input();
  for (auto& carrier : carriers_) carrier.thread.join();
  stop_write_.reset();  // its end wakes whoever polls the other
  if (listener_) listener_->join();
  auto now = session();
  if (!now.id.empty()) {
    Ask farewell;
    farewell.method = "DELETE";
    exchange(plain_, now, farewell);
  }
  return {};
}

}  // namespace

Result<void> run_bridge(BridgeSpec spec) {
  Bridge bridge(std::move(spec));
  return bridge.run();
}

}  // namespace brig::cli
