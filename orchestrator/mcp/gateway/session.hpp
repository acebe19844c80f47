// What the gateway has of one client. This module's own.
//
// Ownership: shared by the gateway and by the coroutines that serve it. Threads: the loop's. Failure: none.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "mcp/gateway/gateway.hpp"

namespace brig::mcp {

// A client's request that a service is answering.
struct InFlight {
  InFlight(BudgetRef budget, std::size_t bytes) : params(std::move(budget), bytes) {}

  Charge params;
  std::string service;  // once it is known
  std::shared_ptr<EventStream> stream;
  bool taken_back = false;
  net::asio::cancellation_signal answering;  // ends what answers it

  void take_back() {
    taken_back = true;
    answering.emit(net::asio::cancellation_type::terminal);
  }
};

// A service's request that the client is answering.
struct Ask {
  Ask(const net::asio::any_io_executor& executor, BudgetRef budget, std::size_t bytes)
      : params(std::move(budget), bytes), changed(executor) {}

  Charge params;
  std::string service;
  std::string token;  // the server's own progress token, as written; empty: none
  std::optional<Answer> answer;
  net::Event changed;
};

struct Session {
  Session(const net::asio::any_io_executor& executor, BudgetRef of_owner)
      : budget(std::move(of_owner)), listening(std::make_shared<EventStream>(executor, 0, budget)) {}

  BudgetRef budget;  // that of all its owner's sessions
  std::string id;
  std::string owner;
  std::string credential;
  bool agent = false;
  Place place;
  std::unique_ptr<Backends> backends;
  std::string version;
  std::string capabilities;  // the client's, as it said
  std::shared_ptr<EventStream> listening;
  std::map<std::uint64_t, std::shared_ptr<EventStream>> streams;  // of calls, also past ones
  std::uint64_t next_stream = 1;
  std::map<std::string, std::shared_ptr<InFlight>> calls;  // by the client's id
  std::deque<std::string> taken_back;  // ids that came before their requests, which travel on their own
  std::map<std::uint64_t, std::shared_ptr<Ask>> asks;
  std::uint64_t next_ask = 1;
  std::set<std::pair<std::string, std::string>> subscriptions;  // service and its own URI
  std::string level;                                            // of logging; empty: all
  SteadyTime used;
  bool ended = false;

  bool is_of_one() const { return !place.service.empty(); }
  bool sees(const std::string& mesh, const std::string& service);
  // The calls in flight on a service, the newest last.
  std::vector<std::shared_ptr<InFlight>> calls_on(const std::string& service) const;
  bool is_idle() const;
  std::shared_ptr<EventStream> open_stream(const net::asio::any_io_executor& executor);
  // Streams that have ended are kept for who comes back for them, within a bound.
  void forget_streams();
  // Those too, but for what is being read.
  void forget_unread_streams();
};

// Somebody in that mesh subscribes to this: a service and its own URI.
bool is_subscribed(const Sessions& all, const std::string& mesh,
                   const std::pair<std::string, std::string>& what);

// Answers what a client asks for.
net::Task<Answer> answer(const Sessions& all, SessionRef session, Message message,
                         std::shared_ptr<InFlight> call, Deadline deadline);
// What it is answered to `initialize`.
Answer greeting(Session& session);

// How grave a logging level is; -1: there is no such level.
int gravity(std::string_view level);

}  // namespace brig::mcp
