// TOML read strictly: a key nobody asks for is refused, with its line and the nearest one that was asked for.
//
//   BRIG_TRY(auto document, config::Document::parse(text, "provider.toml"));
//   auto& top = document.top();
//   auto title = top.text("title", 80);
//   auto args = top.table("args");
//   ...
//   BRIG_CHECK(document.finish());
//
// The first error wins; after it everything reads as absent, so that a reader needs no check at each key.
//
// Ownership: the Document owns every Table. Threads: one at a time. Failure: kept until finish().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig::config {

inline constexpr std::size_t kMaxDocument = 256 * 1024;

class Document;

class Table {
 public:
  // In the file, or made absent by an earlier error.
  bool present() const;
  bool has(std::string_view key);
  std::optional<std::string> text(std::string_view key, std::size_t max = 4096);
  std::optional<bool> flag(std::string_view key);
  std::optional<std::uint64_t> number(std::string_view key, std::uint64_t min, std::uint64_t max);
  // A number of bytes, or text such as "16 MiB"; the bounds are bytes.
  std::optional<std::uint64_t> size(std::string_view key, std::uint64_t min, std::uint64_t max);
  // Text such as "90s".
  std::optional<Millis> duration(std::string_view key, Millis min, Millis max);
  // A list of texts; a list that is absent is not an empty one.
  std::optional<std::vector<std::string>> texts(std::string_view key, std::size_t max_count,
                                                std::size_t max = 4096);
  // A table of texts with names of its own, in the order of their names.
  std::map<std::string, std::string> pairs(std::string_view key, std::size_t max_count,
                                           std::size_t max = 4096);
  // Always there; not present() if the file does not have it.
  Table& table(std::string_view key);
  // A list of tables, in order.
  std::vector<Table*> list(std::string_view key, std::size_t max_count);
  // Refuses `key`, with its line if the file has it. `message` starts with the key and its value.
  void fail(std::string_view key, std::string message);

 private:
  friend class Document;
  // `node` is toml++'s, which stays out of this header.
  Table(Document& document, const void* node, std::string name);
  const void* find(std::string_view key);
  void refuse_unknown();

  Document& document_;
  const void* node_;
  std::string name_;  // "" at the top, else "api.tcp"
  std::vector<std::string> known_;
  std::map<std::string, std::unique_ptr<Table>, std::less<>> tables_;  // by key, or key and place in its list
};

class Document {
 public:
  // `file` is for messages only.
  static Result<std::unique_ptr<Document>> parse(std::string_view text, std::string_view file);
  // A JSON object as if it were the file that says the same; for those who take both.
  static Result<std::unique_ptr<Document>> from_json(const nlohmann::json& object, std::string_view name);
  ~Document();

  Table& top() { return *top_; }
  bool failed() const { return error_.has_value(); }
  // The first error, or the first key that nobody asked for.
  Result<void> finish();

 private:
  friend class Table;
  struct Tree;
  Document(std::unique_ptr<Tree> tree, std::string file);
  void fail(unsigned line, std::string message);

  std::unique_ptr<Tree> tree_;
  std::string file_;
  std::optional<Error> error_;
  std::unique_ptr<Table> top_;
};

}  // namespace brig::config
