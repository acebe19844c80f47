#include "egress/visit.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "egress/dial.hpp"
#include "egress/hello.hpp"

namespace brig::egress {
namespace {

using nlohmann::json;
using wire::Status;
using Verdict = Decision::Verdict;

constexpr std::string_view kVia[] = {"socket", "http_connect", "http", "socks5", "transparent", "resolver"};
// Where a rule opens every port, the ones worth listening on for programs that know of no proxy.
constexpr std::uint16_t kUsualPorts[] = {22,   80,   443,  587,  993,  1433, 2222, 3000, 3306,
                                         5432, 5672, 6379, 8000, 8080, 8443, 9200, 9418, 27017};

Status status_of(DialFailure::Why why) {
  switch (why) {
    case DialFailure::Why::refused:
      return Status::refused;
    case DialFailure::Why::timeout:
      return Status::timeout;
    case DialFailure::Why::exhausted:
      return Status::unavailable;
    case DialFailure::Why::unreachable:
      break;
  }
  return Status::unreachable;
}

std::string_view word(Status status) {
  constexpr std::string_view kWords[] = {"ok",      "denied",      "unresolvable", "unreachable", "refused",
                                         "timeout", "over_limits", "unavailable",  "invalid",     "asking"};
  return kWords[static_cast<std::size_t>(status)];
}

}  // namespace

std::string fit_message(std::string_view text) {
  auto out = printable(text, wire::kMaxMessage - 8);
  return wire::is_message(out) ? out : "the request was not understood";
}

Visit::Visit(Door& d, UniqueFd s)
    : door(d),
      number(d.next_visit_++),
      socket(d.shared_.executor, s.release()),
      began(d.shared_.clock.wall()),
      began_steady(d.shared_.clock.steady()) {
  door.visits_.insert(this);
}

Visit::~Visit() {
  door.visits_.erase(this);
  // Its close may wait, if whoever handed it over wants that.
  if (pump && offers_socket) {
    auto near = std::make_shared<UniqueFd>(pump->release_near());
    linger none{0, 0};
    ::setsockopt(near->get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    door.shared_.closing.post([near] { near->reset(); });
  }
}

Rules Visit::with_grant() const {
  auto rules = door.rules_;
  if (granted) rules.allow.push_back({*granted, "you, once"});
  return rules;
}

Decision Visit::judge() const {
  if (auto own = door.at_mesh(target)) return *own;
  return granted ? decide(with_grant(), target) : decide(door.rules_, target);
}

Decision Visit::judge_address(const Decision& now, const Address& at) const {
  bool own = door.is_own(at);
  return granted ? decide_address(with_grant(), target, now, at, own)
                 : decide_address(door.rules_, target, now, at, own);
}

void Visit::reconsider() {
  if (!pump) return;
  auto now = judge();
  if (now.verdict == Verdict::allowed && address) {
    now = judge_address(now, *address);
  }
  if (now.verdict == Verdict::allowed && now.tcp >= decision.tcp) return;
  auto why = "the rules changed: " + (now.why.empty() ? "no rule allows it any more" : now.why);
  door.tell("egress.cut", target, process, why, "");
  pump->cut(why);
}

void Visit::note(std::string_view outcome, const std::string& detail) {
  json line{{"number", number},
            {"time", format_time(door.shared_.clock.wall())},
            {"outcome", outcome},
            {"host", target.host.address || !target.host.name.empty() ? to_string(target.host)
                                                                      : printable(asked, 255)},
            {"port", target.port},
            {"process", printable(process, 64)},
            {"pid", pid},
            {"via", kVia[static_cast<std::size_t>(via)]}};
  if (address) line["address"] = to_string(*address);
  if (!decision.rule.empty()) line["rule"] = decision.rule;
  if (!decision.from.empty()) line["from"] = decision.from;
  if (!detail.empty()) line["detail"] = printable(detail, 600);
  if (pump && outcome != "open") {
    auto passed = door.shared_.clock.steady() - began_steady;
    line["sent"] = pump->sent();
    line["received"] = pump->received();
    line["ms"] = std::chrono::duration_cast<Millis>(passed).count();
  }
  door.audit_.add(line.dump(-1, ' ', false, json::error_handler_t::replace));
  // The session's name would make a series for each; who needs them by session asks the session.
  door.shared_.metrics
      .counter("brig_egress_connections_total", "Connections through the door out, by what became of them",
               {{"outcome", std::string(outcome)}})
      .add();
}

Visit::Answer Visit::denial(const Decision& no) {
  decision = no;
  ++door.counts_.denied;
  auto text = "Brig: " + no.why;
  auto command = no.remedy.empty() ? std::string() : allow_command(door.about_.name, no.remedy);
  if (!command.empty()) text += "\nTo allow it: " + command;
  door.tell("egress.denied", target, process, no.why, command);
  return {Status::denied, text};
}

net::Task<bool> Visit::reply(wire::Reply reply) {
  std::byte frame[wire::kMaxReply];
  auto size = wire::write_reply(reply, frame);
  if (size == 0) co_return false;
  // It fits into a fresh socket's buffer; who has filled that with its own doing has no use for it.
  co_return ::send(socket.native_handle(), frame, size, MSG_NOSIGNAL | MSG_DONTWAIT) ==
      static_cast<ssize_t>(size);
}

net::Task<bool> Visit::refuse(Answer answer) {
  note(word(answer.first), answer.second);
  if (answer.first != Status::denied) ++door.counts_.failed;
  std::string text;
  for (auto part : split(answer.second, '\n')) text += (text.empty() ? "" : "\n") + printable(part, 480);
  if (text.size() > wire::kMaxMessage || !wire::is_message(text)) text = fit_message(text);
  wire::Reply out;
  out.status = answer.first;
  out.message = text;
  co_return co_await reply(out);
}

net::Task<Result<void>> Visit::read_request() {
  std::array<std::byte, wire::kMaxRequest> buffer;
  std::size_t have = 0;
  while (true) {
    auto n = ::recv(socket.native_handle(), buffer.data() + have, buffer.size() - have, MSG_DONTWAIT);
    if (n == 0) co_return Error{Code::cancelled, "it left without a request", "egress", false};
    if (n < 0 && errno != EAGAIN) co_return errno_error(errno, "it left", "egress");
    if (n > 0) {
      have += static_cast<std::size_t>(n);
      std::span<const std::byte> in(buffer.data(), have);
      wire::Request request;
      wire::Fault fault;
      auto read = wire::read_request(in, request, fault);
      if (read == wire::Read::bad) co_return Error{Code::protocol, wire::to_string(fault), "egress", false};
      if (read == wire::Read::frame) {
        if (!in.empty()) co_return Error{Code::protocol, "bytes before the reply", "egress", false};
        kind = request.kind;
        via = request.via;
        offers_socket = request.offers_socket && door.about_.insider.kernel_knows;
        pid = request.pid;
        asked = request.host;
        process = request.process;
        target.port = request.port;
        co_return Result<void>();
      }
    }
    (void)co_await socket.async_wait(Descriptor::wait_read, net::use_result);
  }
}

net::Task<void> Visit::run() {
  auto reading = read_request();
  auto read =
      co_await net::with_deadline(std::move(reading), Deadline::in(door.shared_.limits.request), "a request");
  if (!read) {
    if (read.error().code == Code::protocol) {
      note("invalid", read.error().message);
    }
    co_return;
  }
  auto host = read_host(asked);
  if (!host) {
    (void)co_await refuse({Status::invalid, "Brig: " + host.error().message});
    co_return;
  }
  target.host = std::move(*host);
  if (kind == wire::Kind::resolve)
    co_await serve_resolve();
  else
    co_await serve_connect();
}

// Says on which ports a connection to that name is worth a try; nothing is dialled.
net::Task<void> Visit::serve_resolve() {
  Target mesh{target.host, kMeshPort};
  if (auto own = door.at_mesh(mesh)) {
    target = mesh;
    wire::Reply here;
    here.ports[here.port_count++] = kMeshPort;
    if (own->verdict == Verdict::allowed) {
      (void)co_await reply(here);
    } else {
      (void)co_await refuse(denial(*own));
    }
    co_return;
  }
  std::set<std::uint16_t> candidates{80, 443};
  for (const auto& entry : door.rules_.allow) {
    if (!entry.rule.matches(target.host)) continue;
    if (entry.rule.ports.are == Ports::Are::one) candidates.insert(entry.rule.ports.port);
    if (entry.rule.ports.are == Ports::Are::all)
      candidates.insert(std::begin(kUsualPorts), std::end(kUsualPorts));
  }
  for (const auto& rule : door.once_)
    if (rule.matches(target.host) && rule.ports.are == Ports::Are::one) candidates.insert(rule.ports.port);
  wire::Reply out;
  Decision no;
  for (auto port : candidates) {
    Target at{target.host, port};
    at.port = door.port_for(at);
    auto decided = decide(door.rules_, at);
    bool once =
        std::any_of(door.once_.begin(), door.once_.end(), [&](const Rule& rule) { return rule.matches(at); });
    if (decided.verdict == Verdict::denied && !once) {
      if (no.why.empty() || port == 443) no = decided;
      continue;
    }
    if (out.port_count < wire::kMaxPorts) out.ports[out.port_count++] = port;
  }
  if (out.port_count == 0) {
    target.port = 443;
    (void)co_await refuse(denial(no));
    co_return;
  }
  (void)co_await reply(out);
}

// By the rules, or a person.
net::Task<std::optional<Visit::Answer>> Visit::permit() {
  auto own = door.at_mesh(target);
  decision = own ? *own : decide(door.rules_, target);
  if (decision.verdict == Verdict::allowed) co_return std::nullopt;
  bool open_to_yes = !decision.remedy.empty();
  if (open_to_yes) granted = door.take_once(target);
  if (!granted && decision.verdict == Verdict::ask) {
    wire::Reply asking;
    asking.status = Status::asking;
    auto text =
        "Brig: somebody is being asked whether " + to_string(target.host, target.port) + " may be reached";
    asking.message = text;
    if (!co_await reply(asking)) co_return Answer{Status::unavailable, "it went away"};
    auto yes = co_await door.ask(target, process, pid, socket.native_handle());
    auto again = decide(door.rules_, target);
    if (again.verdict == Verdict::allowed) {
      decision = again;
      co_return std::nullopt;
    }
    if (!yes || !*yes || again.remedy.empty()) {
      if (again.remedy.empty()) co_return denial(again);
      again.why = yes ? "the answer about " + to_string(target.host, target.port) + " was no"
                      : "nobody answered whether " + to_string(target.host, target.port) + " may be reached";
      again.from = "a person";
      co_return denial(again);
    }
    auto rule = read_rule(again.remedy, Verb::allow);
    if (!rule) co_return denial(again);
    granted = std::move(*rule);
  }
  if (!granted) {
    decision.verdict = Verdict::denied;
    co_return denial(decision);
  }
  decision = judge();
  if (decision.verdict != Verdict::allowed) co_return denial(decision);
  co_return std::nullopt;
}

// In this process: whoever takes the other end answers there.
std::optional<Visit::Answer> Visit::reach_mesh(UniqueFd* far) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return Answer{Status::unavailable, "Brig: there is no room for another connection"};
  far->reset(ends[0]);
  door.about_.endpoint(UniqueFd(ends[1]));
  return std::nullopt;
}

net::Task<std::optional<Visit::Answer>> Visit::reach(UniqueFd* far) {
  if (door.at_mesh(target)) co_return reach_mesh(far);
  const auto& shared = door.shared_;
  auto deadline = Deadline::in(shared.limits.connect);
  std::vector<Address> addresses;
  if (target.host.address) {
    addresses.push_back(*target.host.address);
  } else if (!shared.upstream || !shared.upstream->applies_to(target.host)) {
    auto resolving = door.shared_.resolver.resolve(target.host.name);
    auto resolved =
        co_await net::with_deadline(std::move(resolving), deadline, "resolving " + target.host.name);
    if (!resolved) {
      auto status = resolved.error().code == Code::not_found ? Status::unresolvable
                    : resolved.error().code == Code::timeout ? Status::timeout
                                                             : Status::unavailable;
      co_return Answer{status, "Brig: " + resolved.error().message};
    }
    addresses = std::move(*resolved);
  }
  std::vector<Address> good;
  std::optional<Decision> no;
  for (const auto& one : addresses) {
    auto decided = judge_address(decision, one);
    if (decided.verdict == Verdict::allowed)
      good.push_back(canonical(one));
    else if (!no)
      no = std::move(decided);
  }
  if (good.empty() && no) co_return denial(*no);
  if (shared.upstream && shared.upstream->applies_to(target.host)) co_return co_await reach_by_proxy(far);

  auto made = co_await dial(std::move(good), target.port, deadline);
  if (!made.dialled)
    co_return Answer{status_of(made.failure.why),
                     "Brig: " + to_string(target.host, target.port) +
                         " is allowed, but cannot be reached: " + made.failure.text};
  address = made.dialled->address;
  *far = std::move(made.dialled->socket);
  co_return std::nullopt;
}

net::Task<std::optional<Visit::Answer>> Visit::reach_by_proxy(UniqueFd* far) {
  const auto& upstream = *door.shared_.upstream;
  auto deadline = Deadline::in(door.shared_.limits.connect);
  auto failed = [&](Status status, const std::string& why) {
    return Answer{status, "Brig: " + to_string(target.host, target.port) +
                              " is allowed, but the host's proxy (" +
                              to_string(upstream.proxy.host, upstream.proxy.port) + ") failed: " + why};
  };
  std::vector<Address> addresses;
  if (upstream.proxy.host.address) {
    addresses.push_back(*upstream.proxy.host.address);
  } else {
    auto resolving = door.shared_.resolver.resolve(upstream.proxy.host.name);
    auto resolved = co_await net::with_deadline(std::move(resolving), deadline, "resolving the proxy");
    if (!resolved) co_return failed(Status::unavailable, resolved.error().message);
    addresses = std::move(*resolved);
  }
  auto made = co_await dial(std::move(addresses), upstream.proxy.port, deadline);
  if (!made.dialled) co_return failed(status_of(made.failure.why), made.failure.text);
  auto fd = made.dialled->socket.get();
  auto request = connect_request(upstream, target);
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    co_return failed(Status::unreachable, "it took no request");
  Descriptor watched(door.shared_.executor, ::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  auto wait = [](Descriptor* d) -> net::Task<Result<void>> {
    (void)co_await d->async_wait(Descriptor::wait_read, net::use_result);
    co_return Result<void>();
  };
  std::string answer;
  while (true) {
    // One byte more than the head would be the far end's already, so it is looked at before it is taken.
    char piece[2048];
    auto n = ::recv(fd, piece, sizeof piece, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0) co_return failed(Status::unreachable, "it hung up");
    if (n < 0) {
      auto waiting = wait(&watched);
      auto in_time = co_await net::with_deadline(std::move(waiting), deadline, "the proxy's answer");
      if (!in_time) co_return failed(Status::timeout, "it did not answer in time");
      continue;
    }
    auto before = answer.size();
    answer.append(piece, static_cast<std::size_t>(n));
    std::size_t head = 0;
    auto read = read_connect_answer(answer, head);
    auto take = read && *read ? head - before : static_cast<std::size_t>(n);
    (void)!::recv(fd, piece, take, MSG_DONTWAIT);
    if (!read) continue;
    if (!*read) co_return failed(Status::unreachable, read->error().message);
    *far = std::move(made.dialled->socket);
    co_return std::nullopt;
  }
}

}  // namespace brig::egress
