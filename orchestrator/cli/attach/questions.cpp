#include "cli/attach/questions.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr int kAgainMs = 500;
constexpr Millis kCallLimit{10'000};

void signal(int fd) {
  std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(fd, &one, sizeof one);
}

std::string text_at(const nlohmann::json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? printable(at->get<std::string>(), 300) : std::string();
}

std::vector<Question> read_questions(const nlohmann::json& view) {
  std::vector<Question> out;
  auto list = view.find("questions");
  if (list == view.end() || !list->is_array()) return out;
  for (const auto& one : *list) {
    auto number = one.is_object() ? one.find("number") : one.end();
    if (!one.is_object() || number == one.end() || !number->is_number_unsigned()) continue;
    out.push_back({number->get<std::uint64_t>(), text_at(one, "target"), text_at(one, "process")});
  }
  return out;
}

}  // namespace

Questions::Questions(Endpoint endpoint, std::string session)
    : endpoint_(std::move(endpoint)),
      session_(std::move(session)),
      changed_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { follow(); }) {}

Questions::~Questions() {
  stopping_ = true;
  signal(stop_.get());
  thread_.join();
}

std::vector<Question> Questions::list() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto n = ::read(changed_.get(), &count, sizeof count);
  std::lock_guard lock(mutex_);
  return open_;
}

Result<void> Questions::answer(std::uint64_t number, bool yes, const char* scope) {
  Client client(endpoint_);
  nlohmann::json body{{"question", number}, {"answer", yes ? "yes" : "no"}, {"scope", scope}};
  auto path = "/v1/sessions/" + percent_encode(session_) + "/egress/answer";
  auto done = client.call("POST", path, body, kCallLimit);
  std::lock_guard lock(mutex_);
  std::erase_if(open_, [&](const Question& one) { return one.number == number; });
  if (!done) return std::move(done).error();
  return {};
}

void Questions::refresh(Client& client) {
  auto view = client.call("GET", "/v1/sessions/" + percent_encode(session_) + "/egress", nullptr, kCallLimit);
  auto found = view && view->is_object() ? read_questions(*view) : std::vector<Question>();
  {
    std::lock_guard lock(mutex_);
    bool same = found.size() == open_.size();
    for (std::size_t i = 0; same && i < found.size(); ++i) same = found[i].number == open_[i].number;
    if (same) return;
    open_ = std::move(found);
  }
  signal(changed_.get());
}

// Every event, and every sign of life between them, is a reason to look.
void Questions::follow() {
  while (!stopping_) {
    Client events(endpoint_), calls(endpoint_);
    events.interrupt_by(stop_.get());
    calls.interrupt_by(stop_.get());
    auto look = [&](std::string_view) {
      if (!stopping_) refresh(calls);
      return !stopping_.load();
    };
    (void)events.stream("GET", "/v1/events?kind=egress.asked&session=" + percent_encode(session_), nullptr,
                        look);
    pollfd p{stop_.get(), POLLIN, 0};
    ::poll(&p, 1, kAgainMs);
  }
}

}  // namespace brig::cli
