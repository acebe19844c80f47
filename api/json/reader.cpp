#include "api/json/reader.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 16;

// What the value is, for a sentence; never the whole of something large.
std::string shown(const json& value) {
  if (value.is_string()) return brig::quoted(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return value.dump();
}

std::string escaped(std::string_view key) {
  std::string out;
  for (char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Body::Body(std::string_view text, bool optional) {
  if (text.empty() && optional) {
    json_ = std::make_unique<json>(json::object());
    return;
  }
  bool too_deep = false;
  std::string twice;
  std::vector<std::set<std::string>> keys;
  auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key && twice.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) twice = key;
    }
    if (depth >= kMaxDepth) too_deep = true;
    return !too_deep;
  };
  json_ = std::make_unique<json>(json::parse(text, watch, false));
  // The first refusal is the one that counts.
  if (too_deep) fail("", "the body is nested more than " + std::to_string(kMaxDepth) + " deep");
  if (json_->is_discarded()) fail("", "the body is not JSON");
  if (!twice.empty()) fail("", "the body has the key " + brig::quoted(twice) + " twice in one object");
  if (!json_->is_object()) fail("", "the body must be a JSON object, not " + shown(*json_));
}

Body::~Body() = default;

Object Body::object() {
  return {this, failure_ ? nullptr : json_.get(), ""};
}

nlohmann::json Body::whole() {
  if (failure_) return nullptr;
  return *json_;
}

void Body::fail(std::string field, std::string message, Code code) {
  if (failure_) return;
  failure_ = Failure{Error{code, std::move(message), "request body", false}, 0, std::move(field), {}};
}

std::string Object::where(std::string_view key) const {
  return pointer_ + "/" + escaped(key);
}

// As people write it: "terminal.rows".
std::string Object::name(std::string_view key) const {
  std::string out;
  for (char c : pointer_.empty() ? std::string() : pointer_.substr(1) + "/") out += c == '/' ? '.' : c;
  return out.append(key);
}

const json* Object::raw(std::string_view key) {
  known_.emplace_back(key);
  if (!json_ || body_->failure_) return nullptr;
  auto it = json_->find(std::string(key));
  return it == json_->end() ? nullptr : &*it;
}

bool Object::has(std::string_view key) {
  return raw(key) != nullptr;
}

void Object::fail(std::string_view key, std::string message) {
  body_->fail(where(key), std::move(message));
}

void Object::missing(std::string_view key) {
  if (json_) fail(key, name(key) + " is missing");
}

void Object::wrong(std::string_view key, const json& value, std::string_view wanted) {
  fail(key, printable(name(key), 200) + " must be " + std::string(wanted) + ", not " + shown(value));
}

std::optional<std::string> Object::text(std::string_view key, TextRule rule) {
  const auto* value = raw(key);
  if (!value) {
    if (rule.required) missing(key);
    return std::nullopt;
  }
  if (!value->is_string()) {
    wrong(key, *value, "text");
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > rule.max) {
    fail(key, name(key) + " is longer than " + std::to_string(rule.max) + " bytes");
  } else if (text.find('\0') != std::string::npos) {
    fail(key, name(key) + " must not contain a NUL byte");
  } else if (rule.required && text.empty()) {
    fail(key, name(key) + " must not be empty");
  } else {
    return text;
  }
  return std::nullopt;
}

std::optional<bool> Object::flag(std::string_view key) {
  const auto* value = raw(key);
  if (!value) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  wrong(key, *value, "true or false");
  return std::nullopt;
}

std::optional<std::uint64_t> Object::number(std::string_view key, std::uint64_t least, std::uint64_t most,
                                            bool required) {
  const auto* value = raw(key);
  if (!value) {
    if (required) missing(key);
    return std::nullopt;
  }
  if (value->is_number_unsigned()) {
    auto n = value->get<std::uint64_t>();
    if (n >= least && n <= most) return n;
  }
  wrong(key, *value, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::vector<std::string> Object::texts(std::string_view key, std::size_t max_count, TextRule rule) {
  std::vector<std::string> out;
  const auto* value = raw(key);
  if (!value) {
    if (rule.required) missing(key);
    return out;
  }
  if (!value->is_array()) {
    wrong(key, *value, "an array of texts");
    return out;
  }
  if (value->size() > max_count || (rule.required && value->empty())) {
    fail(key, name(key) + " must have from " + (rule.required ? "1" : "0") + " to " +
                  std::to_string(max_count) + " entries, not " + std::to_string(value->size()));
    return out;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const auto& entry = (*value)[i];
    auto field = std::string(key) + "[" + std::to_string(i) + "]";
    auto pointer = where(key) + "/" + std::to_string(i);
    if (!entry.is_string()) {
      body_->fail(pointer, name(field) + " must be text, not " + shown(entry));
    } else if (entry.get_ref<const std::string&>().size() > rule.max) {
      body_->fail(pointer, name(field) + " is longer than " + std::to_string(rule.max) + " bytes");
    } else if (entry.get_ref<const std::string&>().find('\0') != std::string::npos) {
      body_->fail(pointer, name(field) + " must not contain a NUL byte");
    } else {
      out.push_back(entry.get<std::string>());
      continue;
    }
    break;
  }
  return out;
}

std::map<std::string, std::string> Object::table(std::string_view key, std::size_t max_count,
                                                 std::size_t max_value) {
  std::map<std::string, std::string> out;
  const auto* value = raw(key);
  if (!value) return out;
  if (!value->is_object()) {
    wrong(key, *value, "an object of texts");
    return out;
  }
  if (value->size() > max_count) {
    fail(key, name(key) + " has " + std::to_string(value->size()) + " entries; at most " +
                  std::to_string(max_count) + " are taken");
    return out;
  }
  for (const auto& [entry, text] : value->items()) {
    // Never shows the value: it may be a secret.
    auto pointer = where(key) + "/" + escaped(printable(entry, 64));
    auto field = name(key) + "." + printable(entry, 64);
    if (!text.is_string()) {
      body_->fail(pointer, field + " must be text");
    } else if (text.get_ref<const std::string&>().size() > max_value) {
      body_->fail(pointer, field + " is longer than " + std::to_string(max_value) + " bytes");
    } else if (text.get_ref<const std::string&>().find('\0') != std::string::npos) {
      body_->fail(pointer, field + " must not contain a NUL byte");
    } else {
      out.emplace(entry, text.get<std::string>());
      continue;
    }
    break;
  }
  return out;
}

Object Object::object(std::string_view key) {
  const auto* value = raw(key);
  if (value && !value->is_object()) {
    wrong(key, *value, "an object");
    value = nullptr;
  }
  return {body_, value, where(key)};
}

std::vector<Object> Object::objects(std::string_view key, std::size_t max_count) {
  std::vector<Object> out;
  const auto* value = raw(key);
  if (!value) return out;
  if (!value->is_array() || value->size() > max_count) {
    wrong(key, *value, "a list of at most " + std::to_string(max_count) + " objects");
    return out;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    auto pointer = where(key) + "/" + std::to_string(i);
    if (!(*value)[i].is_object()) {
      body_->fail(pointer, name(key) + "[" + std::to_string(i) + "] must be an object");
      return {};
    }
    out.push_back({body_, &(*value)[i], pointer});
  }
  return out;
}

void Object::finish() {
  if (!json_ || body_->failure_) return;
  std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& [key, value] : json_->items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    auto inside = pointer_.empty() ? std::string() : " in " + name("").substr(0, pointer_.size() - 1);
    body_->fail(where(printable(key, 64)),
                "unknown key " + brig::quoted(key) + inside + did_you_mean(key, known) +
                    (known.empty() ? "; none is known here"
                                   : "; known are " + join({known_.data(), known_.size()}, ", ")));
    return;
  }
}

}  // namespace brig::api
