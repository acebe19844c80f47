// Services, as callers ask for them and are told of them.
//
// Threads: any. Failure: kept in the Body.
#pragma once

#include "api/json/reader.hpp"
#include "api/services.hpp"

namespace brig::api {

service::DeploySpec decode_deploy(Body& body);
service::Scope decode_scope(Body& body);
// The number of a version; none: the one before.
std::optional<std::uint64_t> decode_rollback(Body& body);

struct ToolCall {
  std::string tool;
  std::string arguments;  // as its text stands in the body
  Millis timeout = service::kCallWithin;
};
ToolCall decode_call(Body& body, std::string_view text);

nlohmann::json encode(const service::View& view);
nlohmann::json encode(const service::Scope& scope);
nlohmann::json encode(const service::LogLine& line);
nlohmann::json encode(const service::BundleFile& file);

}  // namespace brig::api
