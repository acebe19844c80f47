// Placeholders of secrets on their way to a host they are not for, in whatever can be seen of a connection.
//
// They are looked for as they are, percent-encoded and in base64, wherever they begin and however they are
// cut into pieces. Most bytes are passed over by memmem; only what looks like the mark is read.
//
// Ownership: borrows the credentials. Threads: one. Failure: none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "egress/injection.hpp"

namespace brig::egress {

class StraySearch {
 public:
  StraySearch(const std::vector<Entrusted>& held, Target target);

  // What the client sends next. If that completes a placeholder which `target` has no credential for: the key
  // it stands for, or "" if it is none of this session's.
  std::optional<std::string> next(std::string_view piece);

 private:
  std::optional<std::string> look(std::string_view text) const;
  std::optional<std::string> read(std::string_view text) const;

  const std::vector<Entrusted>& held_;
  Target target_;
  std::string tail_;  // of what came before; no spelling is longer
};

}  // namespace brig::egress
