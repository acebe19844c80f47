// What a person types, out of the bytes of a raw terminal.
//
// Threads: one. Failure: what is no key we know is dropped.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brig::cli {

struct Key {
  enum class Kind { text, up, down, page_up, page_down, home, end, enter, backspace, escape, interrupt };
  Kind kind = Kind::text;
  std::string text = {};  // one character, of Kind::text
  bool operator==(const Key&) const = default;
};

class Keys {
 public:
  void add(std::string_view bytes);
  // The next one that is complete. A lone escape is one only when nothing followed it for a while: `quiet`.
  std::optional<Key> next(bool quiet = false);
  // Something has begun that more bytes may complete.
  bool pending() const { return !bytes_.empty(); }

 private:
  std::string bytes_;
};

}  // namespace brig::cli
