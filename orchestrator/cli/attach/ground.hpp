// Whether what a program has sent to a terminal ends between two things, or within an escape sequence or a
// character: where something of ours may come in between without breaking it.
//
// Threads: one. Failure: none.
#pragma once

#include <string_view>

namespace brig::cli {

class Ground {
 public:
  void feed(std::string_view bytes) {
    for (char c : bytes) step(static_cast<unsigned char>(c));
  }
  bool reached() const { return state_ == State::ground && missing_ == 0; }

 private:
  enum class State { ground, escape, sequence, text, text_escape };

  void step(unsigned char c) {
    switch (state_) {
      case State::ground:
        if (c == 0x1B) {
          state_ = State::escape;
          missing_ = 0;
        } else if (c >= 0xC0) {
          missing_ = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        } else if (missing_ > 0) {
          missing_ = c >= 0x80 ? missing_ - 1 : 0;
        }
        return;
      case State::escape:
        if (c == '[') state_ = State::sequence;
        if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') state_ = State::text;
        if (state_ == State::escape && (c >= 0x30 || c < 0x20) && c != 0x1B) state_ = State::ground;
        return;
      case State::sequence:
        if (c >= 0x40 || c == 0x18 || c == 0x1A) state_ = State::ground;
        if (c == 0x1B) state_ = State::escape;
        return;
      case State::text:
        if (c == 0x07 || c == 0x18 || c == 0x1A) state_ = State::ground;
        if (c == 0x1B) state_ = State::text_escape;
        return;
      case State::text_escape:
        state_ = c == '\\' ? State::ground : State::text;
        return;
    }
  }

  State state_ = State::ground;
  int missing_ = 0;  // of a character's bytes
};

}  // namespace brig::cli
