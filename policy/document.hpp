// Inside the library: a TOML file or a JSON object, read strictly, with the line that each refusal is about.
//
// TOML becomes JSON (people and wire share one reader) plus a table from JSON pointer to line. A Reader hands
// out one object's keys and remembers which were asked for: what is left over at finish() is unknown and
// refused with the nearest known key. The first error wins; after it everything reads as absent.
//
// Threads: one at a time. Failure: kept in the Source until asked for.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::policy {

inline constexpr std::size_t kMaxDocument = 256 * 1024;

struct Document {
  std::map<std::string, unsigned> lines;
};

// Fills `root`; the result says where each value stands.
Result<Document> read_toml(std::string_view text, std::string_view file, nlohmann::json& root);

class Source {
 public:
  // `file` is "" for JSON off the wire; `document` may be null then.
  Source(std::string_view file, const Document* document) : file_(file), document_(document) {}

  void fail(const std::string& pointer, std::string message);
  bool failed() const { return error_.has_value(); }
  Result<void> result() const;

 private:
  std::string file_;
  const Document* document_;
  std::optional<Error> error_;
};

class Reader {
 public:
  // `title` names the object in refusals: "[limits]", or "the top level".
  Reader(Source& source, const nlohmann::json* object, std::string pointer, std::string title);

  bool present() const { return object_ != nullptr; }
  std::optional<std::string> text(std::string_view key, std::size_t max = 4096);
  std::optional<bool> flag(std::string_view key);
  std::vector<std::string> texts(std::string_view key, std::size_t max_count);
  bool has(std::string_view key);
  Reader table(std::string_view key);
  std::vector<Reader> tables(std::string_view key, std::size_t max_count);
  // A number as written, or text for `parse`; see limits.cpp.
  const nlohmann::json* raw(std::string_view key);

  void fail(std::string_view key, std::string message);
  bool failed() const { return source_->failed(); }
  void finish();

 private:
  Source* source_;
  const nlohmann::json* object_;
  std::string pointer_;
  std::string title_;
  std::vector<std::string_view> known_;
};

}  // namespace brig::policy
