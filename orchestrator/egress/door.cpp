#include "egress/door.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "egress/visit.hpp"

namespace brig::egress {
namespace {

constexpr const char* kSocket = "egress";

}  // namespace

struct Door::Asked {
  explicit Asked(const net::asio::any_io_executor& executor) : changed(executor) {}
  Question question;
  std::optional<bool> answer;
  net::Event changed;
};

Door::Door(Shared& shared, About about, Rules rules)
    : shared_(shared),
      about_(std::move(about)),
      rules_(std::move(rules)),
      listener_(shared.executor, kSocket),
      audit_(shared.executor, about_.account),
      scope_(shared.executor, "egress " + about_.id.str()),
      budget_(shared.limits.burst),
      refilled_(shared.clock.steady()) {}

Door::~Door() = default;

Result<void> Door::open() {
  BRIG_CHECK(listener_.open(about_.directory, 1000));
  scope_.spawn(accept_loop());
  return {};
}

net::Task<void> Door::close() {
  listener_.close();
  for (auto* visit : visits_)
    if (visit->pump) visit->pump->cut("the session ended");
  co_await scope_.close();
}

bool Door::admit() {
  auto now = shared_.clock.steady();
  std::chrono::duration<double> passed = now - refilled_;
  refilled_ = now;
  budget_ = std::min(shared_.limits.burst, budget_ + passed.count() * shared_.limits.per_second);
  if (budget_ < 1) return false;
  budget_ -= 1;
  return true;
}

bool Door::is_own(const Address& address) {
  return own_.contains(address, shared_.clock.steady());
}

void Door::tell(const char* kind, const Target& target, const std::string& process, const std::string& why,
                const std::string& command) {
  constexpr double kPerSecond = 1;
  auto now = shared_.clock.steady();
  std::chrono::duration<double> passed = now - spoke_;
  spoke_ = now;
  words_ = std::min(kWords, words_ + passed.count() * kPerSecond);
  if (words_ < 1) return;
  words_ -= 1;
  nlohmann::json detail{{"name", about_.name},
                        {"target", to_string(target.host, target.port)},
                        {"process", printable(process, 64)}};
  if (!why.empty()) detail["why"] = printable(why, 600);
  if (!command.empty()) detail["command"] = command;
  shared_.tell({kind, about_.id, about_.owner, about_.mesh, detail.dump()});
}

Result<void> Door::check_peer(supervisor::Peer peer) const {
  const auto& insider = about_.insider;
  if (!insider.kernel_knows || peer.pid == *insider.supervisor) return {};
  return supervisor::check_member(peer, *insider.container);
}

net::Task<void> Door::accept_loop() {
  auto visit = [](Door* door, UniqueFd fd) -> net::Task<void> {
    Visit one(*door, std::move(fd));
    co_await one.run();
  };
  auto& acceptor = listener_.acceptor();
  while (acceptor.is_open()) {
    auto [waited] = co_await acceptor.async_wait(net::asio::socket_base::wait_read, net::use_result);
    if (waited || !acceptor.is_open()) co_return;
    // Over the rate nobody is refused, all wait: whoever hammers slows down itself alone.
    while (!admit()) co_await net::sleep_for(Millis{20});
    UniqueFd fd(::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE) co_await net::sleep_for(Millis{100});
      continue;
    }
    // Those that have not said what they want yet have no number of their own.
    if (visits_.size() >= shared_.limits.connections + 64) continue;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) continue;
    if (auto fine = check_peer({credentials.pid, credentials.uid, credentials.gid}); !fine) {
      log::warn("a stranger knocked at a session's door out",
                {{"session", about_.id.str()}, {"error", fine.error()}});
      continue;
    }
    auto task = visit(this, std::move(fd));
    scope_.spawn(std::move(task));
  }
}

void Door::set_rules(Rules rules) {
  rules_ = std::move(rules);
  for (auto* visit : visits_) visit->reconsider();
  // A question that the rules answer now needs nobody any more.
  auto asked = questions_;
  for (auto& [number, one] : asked) {
    auto verdict = decide(rules_, one->question.target).verdict;
    if (verdict != Decision::Verdict::ask) answer(number, verdict == Decision::Verdict::allowed);
  }
}

std::optional<Decision> Door::at_mesh(const Target& target) const {
  if (target.host.address || target.host.name != kMeshHost) return std::nullopt;
  Decision out;
  auto name = std::string(kMeshHost);
  if (!about_.endpoint) {
    out.why = name + " is where a session finds the services of its mesh, and this one is of none";
  } else if (target.port != kMeshPort) {
    out.why = name + " has the services of this session's mesh at http://" + name + ", and nothing at port " +
              std::to_string(target.port);
  } else {
    out.verdict = Decision::Verdict::allowed;
    out.rule = to_string(target.host, target.port);
    out.from = "its mesh";
  }
  return out;
}

bool Door::has_credential(const Target& target) const {
  if (target.host.name == kMeshHost) return false;
  return std::any_of(about_.credentials.begin(), about_.credentials.end(),
                     [&](const Entrusted& held) { return held.rule.is_for(target); });
}

std::uint16_t Door::port_for(const Target& target) const {
  Target secure{target.host, 443};
  return target.port == 80 && has_credential(secure) ? secure.port : target.port;
}

net::Task<Result<std::vector<Injected>>> Door::secrets_for(Target target) {
  std::vector<Injected> out;
  for (const auto& held : about_.credentials) {
    if (!held.rule.is_for(target)) continue;
    vault::Scope scope{about_.owner, about_.mesh};
    auto value = co_await shared_.vault->open(std::move(scope), held.rule.key);
    if (!value)
      co_return Error{value.error().code,
                      "the " + describe(held.rule) + " is missing: " + value.error().message, "egress",
                      false};
    Injected one;
    one.held = &held;
    one.as_sent = as_sent(held.rule, *value);
    out.push_back(std::move(one));
  }
  co_return out;
}

std::string Door::report_stray(const std::string& key, const Target& target, const std::string& process) {
  auto what = key.empty() ? std::string("the placeholder of another session's secret")
                          : "the placeholder of " + quoted(key, 128);
  auto why = what + " was sent to " + to_string(target.host, target.port) + ", which it is not for";
  shared_.metrics
      .counter("brig_egress_placeholders_total",
               "Attempts to send a secret's placeholder to a host it is not for")
      .add();
  tell("egress.placeholder", target, process, why, "");
  log::warn("a sandbox sent a placeholder where it has no business",
            {{"session", about_.id.str()}, {"key", key}, {"host", to_string(target.host)}});
  return why;
}

std::optional<Rule> Door::take_once(const Target& target) {
  auto it = std::find_if(once_.begin(), once_.end(), [&](const Rule& rule) { return rule.matches(target); });
  if (it == once_.end()) return std::nullopt;
  auto out = *it;
  once_.erase(it);
  return out;
}

std::vector<Question> Door::questions() const {
  std::vector<Question> out;
  for (const auto& [number, asked] : questions_) out.push_back(asked->question);
  return out;
}

std::optional<Target> Door::answer(std::uint64_t number, bool yes) {
  auto it = questions_.find(number);
  if (it == questions_.end()) return std::nullopt;
  auto asked = it->second;
  questions_.erase(it);
  asked->answer = yes;
  asked->changed.notify_all();
  return asked->question.target;
}

// The answer; none if nobody gave one in time, or the client went away first. Who asks for the same target
// joins the question.
net::Task<std::optional<bool>> Door::ask(Target target, std::string process, std::uint32_t pid, int watch) {
  std::shared_ptr<Asked> asked;
  for (auto& [number, one] : questions_)
    if (one->question.target == target) asked = one;
  if (!asked) {
    if (questions_.size() >= shared_.limits.questions) co_return std::nullopt;
    asked = std::make_shared<Asked>(shared_.executor);
    asked->question = {next_question_++, target, std::move(process), pid, shared_.clock.wall(), 0};
    questions_[asked->question.number] = asked;
    tell("egress.asked", target, asked->question.process, "",
         "brig egress answer " + about_.name + " " + std::to_string(asked->question.number) + " yes");
    shared_.metrics.counter("brig_egress_questions_total", "Connections that waited for a person").add();
  }
  struct Waiting {
    Door& door;
    std::shared_ptr<Asked> asked;
    ~Waiting() {
      if (--asked->question.waiting == 0 && !asked->answer) door.questions_.erase(asked->question.number);
    }
  };
  ++asked->question.waiting;
  Waiting waiting{*this, asked};
  auto deadline = Deadline::in(shared_.limits.answer);
  while (!asked->answer && !deadline.passed()) {
    auto step = Deadline::in(Millis{500}).earlier(deadline);
    co_await asked->changed.wait_until(step);
    char byte;
    if (::recv(watch, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) co_return std::nullopt;
  }
  co_return asked->answer;
}

std::vector<OpenConnection> Door::connections() const {
  std::vector<OpenConnection> out;
  for (const auto* visit : visits_) {
    if (!visit->pump) continue;
    out.push_back({visit->number, visit->target, visit->address ? to_string(*visit->address) : "",
                   visit->process, visit->pid, visit->decision.rule, visit->decision.from, visit->began,
                   visit->pump->sent(), visit->pump->received()});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return out;
}

net::Task<Tried> Door::test(Target target) {
  Tried out;
  out.target = target;
  auto own = at_mesh(target);
  out.decision = own ? *own : decide(rules_, target);
  if (own || out.decision.verdict == Decision::Verdict::denied) co_return out;
  std::vector<Address> addresses;
  if (target.host.address) {
    addresses.push_back(*target.host.address);
  } else {
    if (shared_.upstream && shared_.upstream->applies_to(target.host)) {
      out.failure = "the host's own proxy resolves it when it is connected to";
      co_return out;
    }
    auto resolving = shared_.resolver.resolve(target.host.name);
    auto resolved =
        co_await net::with_deadline(std::move(resolving), Deadline::in(shared_.limits.connect), "resolving");
    if (!resolved) {
      out.failure = resolved.error().message;
      co_return out;
    }
    addresses = std::move(*resolved);
  }
  for (const auto& address : addresses)
    out.addresses.emplace_back(address,
                               decide_address(rules_, target, out.decision, address, is_own(address)));
  co_return out;
}

std::string allow_command(const std::string& session, const std::string& remedy) {
  bool quote = remedy.find_first_of("*[]") != std::string::npos;
  return "brig egress allow " + session + " " + (quote ? "'" + remedy + "'" : remedy);
}

}  // namespace brig::egress
