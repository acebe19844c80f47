// One session's door out: its socket, its rules, its open connections and the questions that wait for a
// person.
//
// Whoever connects to the socket makes one request (egress_wire). The door decides by the rules, resolves,
// decides again about every address, dials one of those it decided about, looks at what the client says
// first, and then passes bytes, until both ends are done or new rules forbid it. All of it goes into the
// account.
//
// Everything from inside is hostile: requests are bounded in number, rate and size, and so are the questions.
//
// Ownership: borrows Shared and all in it; close() before destroying it. Threads: the loop's.
// Failure: open() as Result; a connection's failure is its own, and its client is told.
#pragma once

#include <filesystem>
#include <list>
#include <map>
#include <set>

#include "core/metrics.hpp"
#include "core/names.hpp"
#include "egress/authority.hpp"
#include "egress/egress.hpp"
#include "egress/injection.hpp"
#include "egress/resolver.hpp"
#include "egress/upstream.hpp"
#include "events/log.hpp"
#include "net/scope.hpp"
#include "supervisor/link.hpp"
#include "supervisor/listener.hpp"
#include "vault/vault.hpp"

namespace brig::http {
class CurlMulti;
}

namespace brig::egress {

struct Limits {
  std::size_t connections = 2048;  // of one session, at a time
  double per_second = 200;         // new ones, in bursts of up to `burst`
  double burst = 1000;
  std::uint64_t bytes = 0;     // both ways, in the session's life since brigd's start; 0: no bound
  std::size_t questions = 32;  // that wait at a time
  Millis request{10'000};      // for the request to come
  Millis connect{15'000};      // resolving and dialling
  Millis hello{60'000};        // for the client's first bytes
  Millis answer{120'000};      // for a person
};

// What all doors have in common.
struct Shared {
  net::asio::any_io_executor executor;
  const Clock& clock;
  Resolver& resolver;
  net::Worker& closing;  // of what others may make slow to close; for nothing else
  metrics::Registry& metrics;
  std::function<void(events::Event)> tell;
  std::optional<Upstream> upstream;
  Limits limits;
  vault::Vault* vault = nullptr;       // none: sessions have no credentials
  http::CurlMulti* outward = nullptr;  // TLS to hosts with credentials
  std::string authorities;             // PEM file: who vouches for them
};

// What tells whoever connects apart; filled in as the session comes to be.
struct Insider {
  std::shared_ptr<ContainerId> container;
  std::shared_ptr<pid_t> supervisor;  // on the host; 0: not known
  bool kernel_knows = true;           // false under gVisor: every caller is its gofer
};

class Door {
 public:
  struct About {
    SessionId id;
    std::string name;  // for the commands in messages
    std::string owner;
    std::string mesh;
    std::filesystem::path directory;
    std::filesystem::path account;
    Insider insider;
    // Takes one end of a pair of sockets for each connection to kMeshHost, and answers HTTP there as the
    // session may have it. Not set: the session has no mesh, and that name is nobody's.
    std::function<void(UniqueFd)> endpoint;
    std::vector<Entrusted> credentials;
    std::shared_ptr<Authority> authority;  // with credentials
  };
  Door(Shared& shared, About about, Rules rules);
  ~Door();

  Result<void> open();
  net::Task<void> close();

  const About& about() const { return about_; }
  const Rules& rules() const { return rules_; }
  // Holds at once; open connections that it forbids are cut.
  void set_rules(Rules rules);
  // The next connection that this allows and no other rule does.
  void allow_once(Rule rule) { once_.push_back(std::move(rule)); }

  std::vector<Question> questions() const;
  // The target that was asked about, if it is asked about still: all who wait for it go on.
  std::optional<Target> answer(std::uint64_t number, bool yes);

  std::vector<OpenConnection> connections() const;
  const Counts& counts() const { return counts_; }
  std::shared_ptr<Audit::Follower> follow() { return audit_.follow(); }
  // Resolves and decides as for a connection, and connects nowhere.
  net::Task<Tried> test(Target target);

 private:
  friend struct Visit;
  struct Asked;

  net::Task<void> accept_loop();
  bool admit();
  bool is_own(const Address& address);
  // To the stream of events; no more than a person could read, for the account has all of it.
  void tell(const char* kind, const Target& target, const std::string& process, const std::string& why,
            const std::string& command);
  Result<void> check_peer(supervisor::Peer peer) const;
  // Port 80 of a host with a credential stands for its TLS port: a secret never goes out in the clear.
  std::uint16_t port_for(const Target& target) const;
  bool has_credential(const Target& target) const;
  // What of a target of its mesh's own name; none: it is another, and the rules decide.
  std::optional<Decision> at_mesh(const Target& target) const;
  net::Task<Result<std::vector<Injected>>> secrets_for(Target target);
  // Of a placeholder on its way to a host it is not for; one sentence.
  std::string report_stray(const std::string& key, const Target& target, const std::string& process);
  // A rule that was allowed once and fits; it is used up.
  std::optional<Rule> take_once(const Target& target);
  net::Task<std::optional<bool>> ask(Target target, std::string process, std::uint32_t pid, int watch);

  Shared& shared_;
  About about_;
  Rules rules_;
  std::vector<Rule> once_;
  supervisor::Listener listener_;
  Audit audit_;
  net::Scope scope_;
  std::set<struct Visit*> visits_;
  std::map<std::uint64_t, std::shared_ptr<Asked>> questions_;
  std::uint64_t next_question_ = 1;
  std::uint64_t next_visit_ = 1;
  double budget_;
  double words_ = kWords;
  SteadyTime spoke_{};
  static constexpr double kWords = 50;
  SteadyTime refilled_{};
  Counts counts_;
  std::uint64_t bytes_ = 0;
  OwnAddresses own_;
};

}  // namespace brig::egress
