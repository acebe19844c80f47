// Who writes to the process: we, or another who is attached to it, and how that changes.
#include <unistd.h>

#include "cli/attach/attacher.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

std::string holder_of(const nlohmann::json& pen) {
  auto by = pen.find("by");
  bool named = by != pen.end() && by->is_string() && !by->get_ref<const std::string&>().empty();
  return named ? printable(by->get<std::string>(), 64) : "another";
}

}  // namespace

std::string Attacher::how_to_take_over() const {
  auto keys = request_.detach_keys.text_of(DetachKeys::Pressed::take_over);
  return keys.empty() ? "'brig attach --take-over' takes over" : keys + " takes over";
}

// What a greeting (or later word) says of the pen.
Result<void> Attacher::take_pen(const nlohmann::json& pen, std::uint64_t offset, bool greeting) {
  auto flag = [&](const char* key) {
    auto at = pen.find(key);
    return at != pen.end() && at->is_boolean() && at->get<bool>();
  };
  if (!pen.is_object()) return Error{Code::protocol, "brigd does not say who has the pen", "client", false};
  bool yours = flag("yours");
  bool first = greeting && !ever_connected_;
  if (yours && greeting && !(flag("interrupted") && !first)) {
    BRIG_CHECK(input_.hello(offset));
  } else if (yours) {
    if (greeting) note("others have written meanwhile; what you typed last may be lost");
    input_.begin_at(offset);
  } else {
    input_.drop();
  }
  if (!yours && first && wants_pen_ && !raw_ && stdin_open_) {
    return Error{Code::denied,
                 holder_of(pen) + " is attached and has the pen; --take-over takes it, --watch looks on",
                 "pen", false};
  }
  pen_moved(yours, pen);
  return {};
}

void Attacher::pen_moved(bool yours, const nlohmann::json& pen) {
  bool had = wants_pen_ && ever_connected_;
  take_over_ = false;
  has_pen_ = yours;
  if (yours && !wants_pen_) {
    note("you have the pen");
    send_size();
  }
  // Told once: who watches hears no more of who has it.
  if (!yours && (had || (!told_to_watch_ && !request_.watch))) {
    note(holder_of(pen) + (had ? " has taken over; you watch" : " is attached and has the pen; you watch") +
         " (" + how_to_take_over() + (raw_ ? ", ctrl-c leaves" : "") + ")");
  }
  if (!yours) told_to_watch_ = true;
  wants_pen_ = yours;
}

void Attacher::typed_without_pen(std::string_view typed) {
  std::string kept;
  while (!typed.empty() && !end_) {
    auto pressed = request_.detach_keys.feed(typed, kept);
    if (pressed == DetachKeys::Pressed::leave) finish({AttachEnd::Kind::detached, {}, 0});
    if (pressed == DetachKeys::Pressed::take_over && greeted_ && !lost_) send_text("{\"take_over\":true}");
  }
  if (kept.find('\x03') != std::string::npos && !end_) finish({AttachEnd::Kind::detached, {}, 0});
  if (kept.empty() || end_) return;
  std::string_view bell = "\a";
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, bell.data(), bell.size());
}

}  // namespace brig::cli
