// A JSON body, read strictly: bounded depth, no key twice, no unknown key, every type and range checked.
//
//   Body body(request.body);
//   Object top = body.object();
//   auto label = top.text("label", {.required = true, .max = 128});
//   top.finish();
//   if (auto failure = body.failure()) …
//
// The first refusal wins and names field, value and remedy; after it everything reads as absent.
//
// Ownership: Objects borrow from their Body. Threads: one at a time. Failure: kept until asked for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"

namespace brig::api {

class Body;

struct TextRule {
  bool required = false;
  std::size_t max = 4096;
};

class Object {
 public:
  bool present() const { return json_ != nullptr; }

  // Text that holds no NUL byte.
  std::optional<std::string> text(std::string_view key, TextRule rule = {});
  std::optional<bool> flag(std::string_view key);
  std::optional<std::uint64_t> number(std::string_view key, std::uint64_t least, std::uint64_t most,
                                      bool required = false);
  std::vector<std::string> texts(std::string_view key, std::size_t max_count, TextRule rule = {});
  // An object whose keys are the caller's own.
  std::map<std::string, std::string> table(std::string_view key, std::size_t max_count,
                                           std::size_t max_value);
  Object object(std::string_view key);
  std::vector<Object> objects(std::string_view key, std::size_t max_count);
  // The value as it stands, or null; for those who read further themselves.
  const nlohmann::json* raw(std::string_view key);
  bool has(std::string_view key);

  void fail(std::string_view key, std::string message);
  // What somebody else makes of the value.
  void check(std::string_view key, const Result<void>& result) {
    if (!result) fail(key, result.error().message);
  }
  // Refuses what was not asked for.
  void finish();

 private:
  friend class Body;
  Object(Body* body, const nlohmann::json* json, std::string pointer)
      : body_(body), json_(json), pointer_(std::move(pointer)) {}
  std::string where(std::string_view key) const;
  std::string name(std::string_view key) const;
  void missing(std::string_view key);
  void wrong(std::string_view key, const nlohmann::json& value, std::string_view wanted);

  Body* body_;
  const nlohmann::json* json_;
  std::string pointer_;
  std::vector<std::string> known_;
};

class Body {
 public:
  // An empty text is an empty object if `optional`.
  explicit Body(std::string_view text, bool optional = false);
  ~Body();

  Object object();
  // All of it, for those who read it themselves; a body that is no object is refused.
  nlohmann::json whole();
  const std::optional<Failure>& failure() const { return failure_; }
  void fail(std::string field, std::string message, Code code = Code::invalid);

 private:
  friend class Object;
  std::unique_ptr<nlohmann::json> json_;
  std::optional<Failure> failure_;
};

}  // namespace brig::api
