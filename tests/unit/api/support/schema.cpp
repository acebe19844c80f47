#include "support/schema.hpp"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "api/server.hpp"

namespace brig::api::test {
namespace {

using nlohmann::json;

json converted(const YAML::Node& node) {
  if (node.IsMap()) {
    auto out = json::object();
    for (const auto& entry : node) out[entry.first.as<std::string>()] = converted(entry.second);
    return out;
  }
  if (node.IsSequence()) {
    auto out = json::array();
    for (const auto& entry : node) out.push_back(converted(entry));
    return out;
  }
  auto text = node.IsNull() ? std::string() : node.as<std::string>();
  if (node.Tag() == "!") return text;  // quoted
  if (text == "true" || text == "false") return text == "true";
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) return std::stoull(text);
  return text;
}

void close_objects(json& node) {
  if (node.is_object() && node.contains("properties") && node["properties"].is_object() &&
      !node.contains("additionalProperties"))
    node["additionalProperties"] = false;
  if (node.is_structured())
    for (auto& entry : node) close_objects(entry);
}

}  // namespace

struct Document::Impl {
  nlohmann::json document;
  nlohmann::json closed;
};

Document::Document() : impl_(std::make_unique<Impl>()) {
  impl_->document = converted(YAML::Load(std::string(openapi_document())));
  impl_->closed = impl_->document;
  close_objects(impl_->closed);
}
Document::~Document() = default;
const json& Document::json() const {
  return impl_->document;
}

std::string Document::mismatch(const std::string& schema, const nlohmann::json& value) const {
  nlohmann::json root{
      {"$ref", "#" + schema}, {"components", impl_->closed["components"]}, {"paths", impl_->closed["paths"]}};
  valijson::Schema parsed;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(root), parsed);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(parsed, valijson::adapters::NlohmannJsonAdapter(value), &results)) return {};
  std::string out;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    for (const auto& part : error.context) out += part;
    out += ": " + error.description + "\n";
  }
  return out + value.dump();
}

}  // namespace brig::api::test
