// openapi.yaml as JSON, and whether an answer is what it says.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace brig::api::test {

class Document {
 public:
  Document();
  ~Document();
  const nlohmann::json& json() const;

  // What does not fit, or "". `schema` is a JSON pointer into the document. Objects that list their
  // properties may have no others here, so that what is not documented does not go unseen.
  std::string mismatch(const std::string& schema, const nlohmann::json& value) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brig::api::test
