// Paths and queries of Engine API calls, from names that are checked first.
//
// Threads: any. Failure: Error{invalid} that names the value: nothing unchecked becomes part of a path.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::docker {

// Everything but letters, digits and "-._~" as %XX.
std::string escape(std::string_view text);

// An id or name of a container or volume.
Result<void> check_ref(std::string_view kind, std::string_view value);
// An id or name of an image, possibly with registry, path, tag and digest.
Result<void> check_image_ref(std::string_view value);

class Query {
 public:
  explicit Query(std::string path) : path_(std::move(path)) {}
  Query& add(std::string_view key, std::string_view value);
  Query& flag(std::string_view key, bool value);              // only if true
  Query& some(std::string_view key, std::string_view value);  // only if not empty
  // {"label": […], …}; empty lists are left out.
  Query& filters(const std::map<std::string, std::vector<std::string>>& filters);
  std::string str() && { return std::move(path_); }

 private:
  std::string path_;
  bool has_query_ = false;
};

}  // namespace brig::docker
