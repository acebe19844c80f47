// JSON from an engine, which may be anything: bounded in depth, read field by field with a default for
// whatever is missing or of another type.
//
// Threads: any. Failure: parse() alone fails, with Error{protocol}; its caller has bounded the size.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig::docker {

using Json = nlohmann::json;

// `what` is the call, for the message.
Result<Json> parse(std::string_view text, std::string_view what);

// The member, or a null that is never written to.
const Json& at(const Json& object, const char* key);

std::string text_at(const Json& object, const char* key);
std::int64_t int_at(const Json& object, const char* key);
std::uint64_t size_at(const Json& object, const char* key);  // negative: 0
bool bool_at(const Json& object, const char* key);
std::vector<std::string> texts_at(const Json& object, const char* key);
std::map<std::string, std::string> map_at(const Json& object, const char* key);
std::vector<std::string> keys_at(const Json& object, const char* key);  // sorted

// RFC 3339 with any fraction and offset; Go's zero time (year 1) and nonsense are none.
std::optional<WallTime> parse_time(std::string_view text);
std::optional<WallTime> time_at(const Json& object, const char* key);
// Seconds since the epoch.
std::optional<WallTime> unix_time_at(const Json& object, const char* key);

// Never throws, whatever bytes are in it.
std::string dump(const Json& value);

}  // namespace brig::docker
