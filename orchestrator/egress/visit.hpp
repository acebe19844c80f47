// Inside the module: one connection to a door, from its request to its last byte.
//
// Ownership: the door's scope owns the coroutine that owns it. Threads: the loop's. Failure: told to the
// client.
#pragma once

#include "egress/door.hpp"
#include "egress/pump.hpp"
#include "egress/strays.hpp"
#include "egress_wire/frames.hpp"

namespace brig::egress {

namespace wire = egress_wire;

struct Visit {
  Visit(Door& d, UniqueFd s);
  ~Visit();
  Visit(const Visit&) = delete;

  net::Task<void> run();
  // Do the door's rules, as they are now, still allow it?
  void reconsider();

  Door& door;
  std::uint64_t number;
  Descriptor socket;
  wire::Kind kind = wire::Kind::connect;
  wire::Via via = wire::Via::direct;
  bool offers_socket = false;
  std::uint32_t pid = 0;
  std::string process;
  std::string asked;  // the host as the client wrote it
  Target target;
  Decision decision;
  bool injects = false;         // a credential is for it
  std::optional<Rule> granted;  // by a person, for this connection alone
  std::optional<Address> address;
  std::optional<StraySearch> strays;  // in what can be seen
  std::shared_ptr<Passage> pump;
  WallTime began{};
  SteadyTime began_steady{};

 private:
  using Answer = std::pair<wire::Status, std::string>;

  net::Task<Result<void>> read_request();
  net::Task<void> serve_resolve();
  net::Task<void> serve_connect();
  net::Task<std::optional<Answer>> permit();
  net::Task<std::optional<Answer>> reach(UniqueFd* far);
  std::optional<Answer> reach_mesh(UniqueFd* far);
  net::Task<std::optional<Answer>> reach_by_proxy(UniqueFd* far);
  net::Task<Result<UniqueFd>> hand_over();
  net::Task<Result<std::string>> check_hello();
  std::string find_stray(std::string_view bytes);
  net::Task<void> pass(UniqueFd far);
  net::Task<Result<void>> open_passage(UniqueFd near, UniqueFd far);
  net::Task<void> watch_control(std::shared_ptr<Passage> passing);
  net::Task<bool> reply(wire::Reply reply);
  net::Task<bool> refuse(Answer answer);
  void note(std::string_view outcome, const std::string& detail);
  Answer denial(const Decision& decision);
  Decision judge() const;
  Decision judge_address(const Decision& now, const Address& at) const;
  Rules with_grant() const;
};

// The message fits the wire: plain UTF-8 of at most 1024 bytes.
std::string fit_message(std::string_view text);

}  // namespace brig::egress
