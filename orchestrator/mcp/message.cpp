#include "mcp/message.hpp"

#include <algorithm>
#include <optional>

#include "core/text.hpp"
#include "mcp/json.hpp"

namespace brig::mcp {
namespace {

constexpr std::size_t kMaxMembers = 64;  // of an envelope

bool is_integer(std::string_view value) {
  if (value.starts_with('-')) value.remove_prefix(1);
  return !value.empty() && value.size() <= 19 &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_id(std::string_view value) {
  return value.size() <= kMaxId && (is_integer(value) || json::type_of(value) == json::Type::string);
}

struct Envelope {
  std::optional<std::string_view> version, id, method, params, result, error;
};

Envelope envelope_of(const std::vector<json::Member>& members) {
  Envelope out;
  for (const auto& member : members) {
    if (member.is("jsonrpc")) out.version = member.value;
    if (member.is("id")) out.id = member.value;
    if (member.is("method")) out.method = member.value;
    if (member.is("params")) out.params = member.value;
    if (member.is("result")) out.result = member.value;
    if (member.is("error")) out.error = member.value;
  }
  return out;
}

// Which request this would have answered. Only our own ids count, and those are integers.
std::string answered_by(const Envelope& envelope) {
  if (envelope.method || !envelope.id || !is_integer(*envelope.id)) return {};
  return std::string(*envelope.id);
}

// The id at the end of a message that names it last, as most JavaScript writes it. In text that is otherwise
// JSON this is no part of a string, since its quotes are bare, nor of an object within, which another brace
// would have to follow.
std::string answered_by_tail(std::string_view tail, bool version_seen) {
  constexpr std::string_view kId = R"(,"id":)";
  constexpr std::string_view kVersionAndId = R"(,"jsonrpc":"2.0","id":)";
  if (!tail.ends_with('}')) return {};
  tail.remove_suffix(1);
  auto before = tail.find_last_not_of("0123456789");
  if (before == std::string_view::npos) return {};
  auto id = tail.substr(before + 1);
  if (!is_integer(id) || !tail.substr(0, before + 1).ends_with(version_seen ? kId : kVersionAndId)) return {};
  return std::string(id);
}

// Text that starts like an object and is no JSON: a message gone wrong, or just words.
Reading broken(std::string_view text, std::string_view tail, std::string why) {
  auto envelope = envelope_of(json::leading_members(text));
  bool version_seen = envelope.version.has_value();
  auto answers = version_seen ? answered_by(envelope) : std::string();
  if (answers.empty() && !envelope.method) answers = answered_by_tail(tail, version_seen);
  if (!version_seen && answers.empty()) return LogLine{std::string(text)};
  return Malformed{std::move(why), std::move(answers)};
}

Result<void> check_params(std::string_view params) {
  BRIG_TRY(auto members, json::members(params));
  for (const auto& member : members) {
    if (!member.is("_meta")) continue;
    if (json::type_of(member.value) != json::Type::object) {
      return Error{Code::invalid, "'_meta' is not an object", "mcp", false};
    }
    BRIG_CHECK(json::members(member.value));
  }
  return {};
}

std::string as_string(std::string_view value) {
  return json::one_line(std::string(value));
}

std::variant<Message, Malformed> read_call(const Envelope& envelope) {
  Message out;
  if (envelope.result || envelope.error) return Malformed{"a message is both a request and an answer", {}};
  auto method = json::text(*envelope.method);
  if (!method || method->empty() || method->size() > kMaxMethod) {
    return Malformed{"'method' is not a string of 1 to 256 bytes", {}};
  }
  if (envelope.id && !is_id(*envelope.id)) return Malformed{"'id' is neither a string nor an integer", {}};
  if (envelope.params && json::type_of(*envelope.params) != json::Type::null) {
    if (json::type_of(*envelope.params) != json::Type::object) {
      return Malformed{"'params' is not an object", {}};
    }
    if (auto fine = check_params(*envelope.params); !fine) {
      return Malformed{"'params': " + fine.error().message, {}};
    }
    out.body = as_string(*envelope.params);
  }
  out.kind = envelope.id ? Message::Kind::request : Message::Kind::notification;
  out.id = envelope.id ? as_string(*envelope.id) : std::string();
  out.method = std::move(*method);
  return out;
}

bool is_error_object(std::string_view value) {
  if (json::type_of(value) != json::Type::object) return false;
  auto code = json::find(value, "code");
  auto message = json::find(value, "message");
  return code && is_integer(*code) && message && json::type_of(*message) == json::Type::string;
}

std::variant<Message, Malformed> read_answer(const Envelope& envelope) {
  auto answers = answered_by(envelope);
  auto malformed = [&answers](std::string why) { return Malformed{std::move(why), answers}; };
  if (envelope.result && envelope.error) return malformed("an answer has a result and an error");
  if (!envelope.result && !envelope.error) return malformed("a message has no method, result or error");
  bool to_nobody = !envelope.id || json::type_of(*envelope.id) == json::Type::null;
  if (!(to_nobody && envelope.error) && (!envelope.id || !is_id(*envelope.id))) {
    return malformed("an answer has no 'id' that is a string or an integer");
  }
  if (envelope.result && json::type_of(*envelope.result) != json::Type::object) {
    return malformed("'result' is not an object");
  }
  if (envelope.error && !is_error_object(*envelope.error)) {
    return malformed("'error' is not an object with an integer 'code' and a string 'message'");
  }
  Message out;
  out.kind = envelope.result ? Message::Kind::result : Message::Kind::error;
  if (!to_nobody) out.id = as_string(*envelope.id);
  out.body = as_string(envelope.result ? *envelope.result : *envelope.error);
  return out;
}

Reading read_members(std::string_view text, const std::vector<json::Member>& members) {
  auto envelope = envelope_of(members);
  if (!envelope.version) return LogLine{std::string(text)};
  if (*envelope.version != "\"2.0\"") return Malformed{"'jsonrpc' is not \"2.0\"", answered_by(envelope)};
  auto message = envelope.method ? read_call(envelope) : read_answer(envelope);
  if (auto* bad = std::get_if<Malformed>(&message)) return std::move(*bad);
  return std::get<Message>(std::move(message));
}

Reading read_object(std::string_view text) {
  if (auto fine = json::check(text); !fine) return broken(text, text, std::move(fine.error().message));
  auto members = json::members(text, kMaxMembers);
  if (!members) return broken(text, {}, std::move(members.error().message));
  return read_members(text, *members);
}

// A batch, which the versions since 2025-06-18 do without, and nobody may answer us with unasked.
bool is_batch(std::string_view text) {
  if (!json::check(text)) return false;
  auto elements = json::elements(text, 1'000);
  return elements && std::any_of(elements->begin(), elements->end(),
                                 [](auto element) { return json::find(element, "jsonrpc").has_value(); });
}

}  // namespace

Reading read(const Line& line) {
  auto text = json::trimmed(line.text);
  if (line.too_long()) {
    auto why = "a message of " + std::to_string(line.size) + " bytes is over the limit of " +
               std::to_string(kMaxLine);
    if (!text.starts_with('{')) return LogLine{std::string(text)};
    auto reading = broken(text, line.tail, std::move(why));
    if (auto* malformed = std::get_if<Malformed>(&reading)) malformed->too_long = true;
    return reading;
  }
  if (text.starts_with('{')) return read_object(text);
  if (text.starts_with('[') && is_batch(text)) return Malformed{"batches are not part of the protocol", {}};
  return LogLine{line.text};
}

std::variant<Message, Malformed> read_message(std::string_view text) {
  text = json::trimmed(text);
  if (text.size() > kMaxLine) {
    return Malformed{"a message of more than " + std::to_string(kMaxLine) + " bytes", {}, true};
  }
  if (auto fine = json::check(text); !fine) return Malformed{fine.error().message, {}};
  if (text.starts_with('[')) return Malformed{"batches are not part of the protocol", {}};
  auto members = json::members(text, kMaxMembers);
  if (!members) return Malformed{members.error().message, {}};
  auto reading = read_members(text, *members);
  if (auto* message = std::get_if<Message>(&reading)) return std::move(*message);
  if (auto* malformed = std::get_if<Malformed>(&reading)) return std::move(*malformed);
  return Malformed{"'jsonrpc' is not there", {}};
}

Answer Answer::result(std::string json) {
  return Answer{false, std::move(json)};
}

Answer Answer::error(int code, std::string_view message) {
  return Answer{true, R"({"code":)" + std::to_string(code) + R"(,"message":)" + json::literal(message) + "}"};
}

Answer Answer::error(const Error& why) {
  bool callers = why.code == Code::invalid || why.code == Code::not_found;  // the protocol's word for both
  return Answer{true, R"({"code":)" + std::to_string(callers ? kInvalidParams : kServerError) +
                          R"(,"message":)" + json::literal(why.message) + R"(,"data":{"code":)" +
                          json::literal(to_string(why.code)) + "}}"};
}

std::string write_request(std::string_view id, std::string_view method, std::string_view params) {
  std::string out = R"({"jsonrpc":"2.0","id":)";
  out.append(id).append(R"(,"method":)").append(json::literal(method));
  if (!params.empty()) out.append(R"(,"params":)").append(params);
  return out += '}';
}

std::string write_notification(std::string_view method, std::string_view params) {
  std::string out = R"({"jsonrpc":"2.0","method":)";
  out.append(json::literal(method));
  if (!params.empty()) out.append(R"(,"params":)").append(params);
  return out += '}';
}

std::string write_answer(std::string_view id, const Answer& answer) {
  std::string out = R"({"jsonrpc":"2.0","id":)";
  out.append(id).append(answer.is_error ? R"(,"error":)" : R"(,"result":)").append(answer.json);
  return out += '}';
}

}  // namespace brig::mcp
