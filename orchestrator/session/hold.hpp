// Who changes what a session consists of, one at a time: checkpoint, restore, fork, discard, removal.
//
// Ownership: a Hold borrows its Holds. Threads: the loop's. Failure: `conflict` that says what is under way.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/names.hpp"
#include "core/result.hpp"
#include "core/text.hpp"
#include "net/event.hpp"

namespace brig::session {

class Holds {
 public:
  explicit Holds(net::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  bool held(const SessionId& id) const { return held_.contains(id); }
  net::Task<void> until_free(SessionId id) {
    while (held_.contains(id)) co_await changed_.wait();
  }
  // While a layer is copied nothing that writes to it can be killed.
  net::Task<void> until_not_copying(SessionId id) {
    while (copying(id)) co_await changed_.wait();
  }

 private:
  friend class Hold;
  struct Held {
    std::string doing;
    bool copying = false;
  };
  bool copying(const SessionId& id) const {
    auto it = held_.find(id);
    return it != held_.end() && it->second.copying;
  }

  std::map<SessionId, Held> held_;
  net::Event changed_;
};

class Hold {
 public:
  // `doing`: "being restored".
  static Result<Hold> take(Holds& holds, const SessionId& id, const std::string& name, std::string doing) {
    auto [it, fresh] = holds.held_.try_emplace(id, Holds::Held{std::move(doing), false});
    if (fresh) return Hold(holds, id);
    return Error{
        Code::conflict,
        "session " + quoted(name) + " is " + it->second.doing + " at the moment; try again when it is done",
        "session", true};
  }
  Hold(Hold&& other) noexcept : holds_(std::exchange(other.holds_, nullptr)), id_(std::move(other.id_)) {}
  Hold& operator=(Hold&&) = delete;
  ~Hold() {
    if (!holds_) return;
    holds_->held_.erase(id_);
    holds_->changed_.notify_all();
  }

  void set_copying(bool copying) {
    holds_->held_[id_].copying = copying;
    holds_->changed_.notify_all();
  }

 private:
  Hold(Holds& holds, SessionId id) : holds_(&holds), id_(std::move(id)) {}

  Holds* holds_;
  SessionId id_;
};

}  // namespace brig::session
