// Failures as RFC 9457 problem documents; the one place where a Code becomes an HTTP status.
//
// Threads: any. Failure: none.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "api/http/message.hpp"

namespace brig::api {

int status_of(Code code);
std::string_view reason_phrase(int status);

nlohmann::json problem_json(const Failure& failure, const std::string& request_id);
Response problem(const Failure& failure, const std::string& request_id);
Response problem(const Error& error, const std::string& request_id);

// An answer with a JSON body.
Response json_response(int status, const nlohmann::json& body);
std::string dumped(const nlohmann::json& value);

}  // namespace brig::api
