// Who may write to a process that several look at: one of them has the pen, the others watch.
//
// Whoever has it keeps it until it leaves, or another takes it over on purpose. One that vanishes without a
// word finds it again for kKept by its key, unless it was taken over meanwhile.
//
// Ownership: the Process's. Threads: the loop's. Failure: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.hpp"

namespace brig::session {

class Pen {
 public:
  static constexpr Millis kKept{10'000};

  // Who asks: an attachment, the key by which its client is known when it comes back (empty: it does not),
  // and what others may be told of it.
  struct Hand {
    std::uint64_t id = 0;
    std::string key;
    std::string who;
  };

  // True if it is the asker's now.
  bool ask(const Hand& hand, bool take_over) {
    bool same = !hand.key.empty() && hand.key == hand_.key;
    bool free = hand_.id == 0 && (hand_.key.empty() || kept_.passed());
    if (hand_.id == hand.id && hand.id != 0) return true;
    if (!same && !free && !take_over) return false;
    hand_ = hand;
    ++version_;
    return true;
  }
  bool held_by(std::uint64_t id) const { return hand_.id == id && id != 0; }
  void leave(std::uint64_t id, bool for_good) {
    if (!held_by(id)) return;
    hand_.id = 0;
    kept_ = Deadline::in(kKept);
    if (for_good) hand_.key.clear();
    ++version_;
  }

  void wrote(const Hand& hand) { writer_ = hand.key; }
  // Somebody else wrote after this key did.
  bool interrupted(const std::string& key) const { return writer_ && *writer_ != key; }

  // Who has it, or has it kept for them; empty: it is free.
  std::string holder() const {
    return hand_.id == 0 && (hand_.key.empty() || kept_.passed()) ? "" : hand_.who;
  }
  // Changes whenever it goes from one to another.
  std::uint64_t version() const { return version_; }

 private:
  Hand hand_;
  Deadline kept_ = Deadline::in(Millis(0));
  std::optional<std::string> writer_;
  std::uint64_t version_ = 0;
};

}  // namespace brig::session
