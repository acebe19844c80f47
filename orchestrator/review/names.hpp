// Names of files as text: in JSON, in tables, in requests.
//
// A file's name is bytes; text is UTF-8. One spelling goes both ways and everywhere: a backslash is written
// `\\`, and a byte that is a control character or no part of valid UTF-8 is written `\xNN`. What a person
// reads is thereby also what he can hand back, and nothing in it can steer a terminal.
//
// Threads: any. Failure: Error{invalid} for text that is no such spelling, or no path within a project.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::review {

std::string spelled(std::string_view bytes);
Result<std::string> unspelled(std::string_view text);

// As git writes a name in a patch: in double quotes with escapes if it has to.
std::string quoted_by_git(std::string_view bytes);

// A path relative to the project, spelled as above: no leading '/', no "..", no empty part ("./x" and "x/"
// are taken as "x"). "" and "." are the whole project: "".
Result<std::string> parse_path(std::string_view text);

// Which paths somebody is interested in: these and what is below them; all if none are given.
class Selection {
 public:
  Selection() = default;
  explicit Selection(std::vector<std::string> paths);
  static Result<Selection> parse(std::span<const std::string> texts);

  bool contains(std::string_view path) const;
  // Whether it is worth looking into this directory.
  bool leads_to(std::string_view directory) const;
  bool everything() const { return paths_.empty(); }

 private:
  std::vector<std::string> paths_;
};

// "a/b" of "a" and "b"; "b" of "" and "b".
std::string joined(std::string_view directory, std::string_view name);
// Whether `path` is `directory` or lies in it.
bool is_below(std::string_view path, std::string_view directory);
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

}  // namespace brig::review
