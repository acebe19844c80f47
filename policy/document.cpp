#include "policy/document.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text.hpp"
#include "core/tomlpp.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

std::string escape_pointer(std::string_view key) {
  std::string out;
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

// Recursion is bounded by toml++'s own limit on nesting.
json convert(const toml::node& node, const std::string& pointer, Document& document) {
  document.lines[pointer] = node.source().begin.line;
  if (const auto* table = node.as_table()) {
    json object = json::object();
    for (const auto& [key, value] : *table) {
      auto at = pointer + "/" + escape_pointer(key.str());
      object[std::string(key.str())] = convert(value, at, document);
      document.lines[at] = key.source().begin.line;
    }
    return object;
  }
  if (const auto* array = node.as_array()) {
    json list = json::array();
    for (std::size_t i = 0; i < array->size(); ++i)
      list.push_back(convert((*array)[i], pointer + "/" + std::to_string(i), document));
    return list;
  }
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* i = node.as_integer()) return i->get();
  if (const auto* f = node.as_floating_point()) return f->get();
  if (const auto* b = node.as_boolean()) return b->get();
  return nullptr;  // a date: no key of ours takes one
}

std::string kind_of(const json& value) {
  if (value.is_null()) return "a date or null";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "text";
  if (value.is_array()) return "a list";
  return "a table";
}

}  // namespace

Result<Document> read_toml(std::string_view text, std::string_view file, json& root) {
  if (text.size() > kMaxDocument)
    return Error{Code::too_large,
                 std::string(file) + " is larger than " + std::to_string(kMaxDocument / 1024) +
                     " KiB; a policy file never is",
                 "policy", false};
  BRIG_TRY(auto table, parse_toml(text, file));
  Document document;
  root = convert(table, "", document);
  return document;
}

void Source::fail(const std::string& pointer, std::string message) {
  if (error_) return;
  std::string place;
  if (!file_.empty()) {
    place = file_;
    // The nearest enclosing value whose line is known: an absent key stands in its table.
    for (auto at = pointer; document_;) {
      if (auto it = document_->lines.find(at); it != document_->lines.end() && it->second) {
        place += ":" + std::to_string(it->second);
        break;
      }
      if (at.empty()) break;
      at.resize(at.rfind('/'));
    }
    place += ": ";
  }
  error_ = Error{Code::invalid, place + std::move(message), "policy", false};
}

Result<void> Source::result() const {
  if (error_) return *error_;
  return {};
}

Reader::Reader(Source& source, const json* object, std::string pointer, std::string title)
    : source_(&source), object_(object), pointer_(std::move(pointer)), title_(std::move(title)) {
  if (object_ && !object_->is_object()) {
    source_->fail(pointer_, title_ + " must be a table, not " + kind_of(*object_));
    object_ = nullptr;
  }
}

const json* Reader::raw(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  if (!object_ || source_->failed()) return nullptr;
  auto it = object_->find(key);
  return it == object_->end() ? nullptr : &*it;
}

void Reader::fail(std::string_view key, std::string message) {
  source_->fail(pointer_ + "/" + escape_pointer(key), std::move(message));
}

bool Reader::has(std::string_view key) {
  return raw(key) != nullptr;
}

std::optional<std::string> Reader::text(std::string_view key, std::size_t max) {
  const auto* value = raw(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    fail(key, "'" + std::string(key) + "' must be text in quotes, not " + kind_of(*value));
    return std::nullopt;
  }
  const auto& s = value->get_ref<const std::string&>();
  if (s.size() > max || !is_utf8(s) || s.find('\0') != std::string::npos) {
    fail(key, "'" + std::string(key) + "' must be at most " + std::to_string(max) +
                  " bytes of UTF-8 without NUL; shorten it");
    return std::nullopt;
  }
  return s;
}

std::optional<bool> Reader::flag(std::string_view key) {
  const auto* value = raw(key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) {
    fail(key, "'" + std::string(key) + "' must be true or false, not " + kind_of(*value));
    return std::nullopt;
  }
  return value->get<bool>();
}

std::vector<std::string> Reader::texts(std::string_view key, std::size_t max_count) {
  std::vector<std::string> out;
  const auto* value = raw(key);
  if (!value) return out;
  if (!value->is_array() || value->size() > max_count ||
      !std::all_of(value->begin(), value->end(), [](const json& v) { return v.is_string(); })) {
    fail(key, "'" + std::string(key) + "' must be a list of at most " + std::to_string(max_count) +
                  " texts in quotes");
    return out;
  }
  for (const auto& v : *value) out.push_back(v.get<std::string>());
  return out;
}

Reader Reader::table(std::string_view key) {
  const auto* value = raw(key);
  return Reader(*source_, value, pointer_ + "/" + escape_pointer(key), "[" + std::string(key) + "]");
}

std::vector<Reader> Reader::tables(std::string_view key, std::size_t max_count) {
  std::vector<Reader> out;
  const auto* value = raw(key);
  if (!value) return out;
  if (!value->is_array() || value->size() > max_count) {
    fail(key,
         "'" + std::string(key) + "' must be a list of at most " + std::to_string(max_count) + " tables");
    return out;
  }
  for (std::size_t i = 0; i < value->size(); ++i)
    out.emplace_back(*source_, &(*value)[i], pointer_ + "/" + escape_pointer(key) + "/" + std::to_string(i),
                     "[[" + std::string(key) + "]]");
  return out;
}

void Reader::finish() {
  if (!object_ || source_->failed()) return;
  for (const auto& [key, value] : object_->items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string all;
    for (auto k : known_) all += (all.empty() ? "" : ", ") + std::string(k);
    source_->fail(pointer_ + "/" + escape_pointer(key),
                  quoted(key) + " is no key of " + title_ + did_you_mean(key, known_) + "; known are " + all);
    return;
  }
}

}  // namespace brig::policy
