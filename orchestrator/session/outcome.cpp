#include "session/sessions.hpp"

namespace brig::session {

int Outcome::exit_code() const {
  switch (kind) {
    case Kind::exited:
    case Kind::spawn_failed:
      return code;
    case Kind::signaled:
      return 128 + signal;
    case Kind::out_of_memory:
      return 137;
    case Kind::stopped:
      return signal > 0 ? 128 + signal : code;
    case Kind::expired:
      return 124;
    case Kind::failed:
    case Kind::lost:
      return 125;
  }
  return 125;
}

std::string_view to_string(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::exited:
      return "exited";
    case Outcome::Kind::signaled:
      return "signaled";
    case Outcome::Kind::spawn_failed:
      return "spawn_failed";
    case Outcome::Kind::out_of_memory:
      return "out_of_memory";
    case Outcome::Kind::stopped:
      return "stopped";
    case Outcome::Kind::expired:
      return "expired";
    case Outcome::Kind::failed:
      return "failed";
    case Outcome::Kind::lost:
      return "lost";
  }
  return "failed";
}

std::string_view to_string(State state) {
  switch (state) {
    case State::preparing:
      return "preparing";
    case State::starting:
      return "starting";
    case State::running:
      return "running";
    case State::paused:
      return "paused";
    case State::ending:
      return "ending";
    case State::ended:
      return "ended";
  }
  return "ended";
}

}  // namespace brig::session
