#include "config/table.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/tomlpp.hpp"
#include "core/units.hpp"

namespace brig::config {
namespace {

std::string kind_of(const ::toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  if (node.is_string()) return "text";
  if (node.is_boolean()) return "true or false";
  if (node.is_integer() || node.is_floating_point()) return "a number";
  return "a date";
}

std::string shown(const ::toml::node& node) {
  if (auto s = node.value_exact<std::string>()) return quoted(*s);
  if (auto i = node.value_exact<std::int64_t>()) return std::to_string(*i);
  if (auto b = node.value_exact<bool>()) return *b ? "true" : "false";
  return kind_of(node);
}

constexpr int kMaxDepth = 16;

// Where a value goes. Types of their own: a lambda in a recursive template would be a new type at every
// level, without end.
struct ListEnd {
  ::toml::array& list;
  template <class T>
  void operator()(T&& item) const {
    list.push_back(std::forward<T>(item));
  }
};
struct TableKey {
  ::toml::table& table;
  const std::string& key;
  template <class T>
  void operator()(T&& item) const {
    table.insert_or_assign(key, std::forward<T>(item));
  }
};

bool fill(::toml::array& list, const nlohmann::json& values, int depth);
bool fill(::toml::table& table, const nlohmann::json& object, int depth);

// Puts `value` into a table or at the end of a list; false if TOML has nothing like it.
template <class Put>
bool add(const nlohmann::json& value, int depth, const Put& put) {
  if (depth > kMaxDepth) return false;
  switch (value.type()) {
    case nlohmann::json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (!is_utf8(text)) return false;
      put(text);
      return true;
    }
    case nlohmann::json::value_t::boolean:
      put(value.get<bool>());
      return true;
    case nlohmann::json::value_t::number_integer:
      put(value.get<std::int64_t>());
      return true;
    case nlohmann::json::value_t::number_unsigned:
      if (value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return false;
      put(value.get<std::int64_t>());
      return true;
    case nlohmann::json::value_t::number_float:
      put(value.get<double>());
      return true;
    case nlohmann::json::value_t::array: {
      ::toml::array list;
      if (!fill(list, value, depth + 1)) return false;
      put(std::move(list));
      return true;
    }
    case nlohmann::json::value_t::object: {
      ::toml::table table;
      if (!fill(table, value, depth + 1)) return false;
      put(std::move(table));
      return true;
    }
    default:
      return false;
  }
}

bool fill(::toml::array& list, const nlohmann::json& values, int depth) {
  for (const auto& value : values)
    if (!add(value, depth, [&](auto&& item) { list.push_back(std::forward<decltype(item)>(item)); }))
      return false;
  return true;
}

bool fill(::toml::table& table, const nlohmann::json& object, int depth) {
  for (const auto& [key, value] : object.items()) {
    const auto& name = key;
    if (!is_utf8(name) || !add(value, depth, [&](auto&& item) {
          table.insert_or_assign(name, std::forward<decltype(item)>(item));
        }))
      return false;
  }
  return true;
}

const ::toml::node& as_node(const void* node) {
  return *static_cast<const ::toml::node*>(node);
}

}  // namespace

struct Document::Tree {
  ::toml::table root;
};

Table::Table(Document& document, const void* node, std::string name)
    : document_(document), node_(node), name_(std::move(name)) {}

bool Table::present() const {
  return node_ != nullptr && !document_.failed();
}

const void* Table::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  if (!present()) return nullptr;
  return static_cast<const void*>(as_node(node_).as_table()->get(key));
}

bool Table::has(std::string_view key) {
  return find(key) != nullptr;
}

void Table::fail(std::string_view key, std::string message) {
  const ::toml::node* node = nullptr;
  if (node_ != nullptr) node = as_node(node_).as_table()->get(key);
  if (node == nullptr && node_ != nullptr) node = &as_node(node_);
  document_.fail(node == nullptr ? 0 : node->source().begin.line,
                 (name_.empty() ? "" : name_ + ".") + printable(key, 80) + " " + std::move(message));
}

std::optional<std::string> Table::text(std::string_view key, std::size_t max) {
  const void* found = find(key);
  if (found == nullptr) return {};
  auto value = as_node(found).value_exact<std::string>();
  if (!value) {
    fail(key, "is " + kind_of(as_node(found)) + "; write text in quotes");
    return {};
  }
  if (value->size() > max) {
    fail(key,
         "has " + std::to_string(value->size()) + " bytes; at most " + std::to_string(max) + " are taken");
    return {};
  }
  if (value->find('\0') != std::string::npos) {
    fail(key, "holds a NUL character; remove it");
    return {};
  }
  return value;
}

std::optional<bool> Table::flag(std::string_view key) {
  const void* found = find(key);
  if (found == nullptr) return {};
  auto value = as_node(found).value_exact<bool>();
  if (!value) fail(key, "is " + shown(as_node(found)) + "; write true or false");
  return value;
}

std::optional<std::uint64_t> Table::number(std::string_view key, std::uint64_t min, std::uint64_t max) {
  const void* found = find(key);
  if (found == nullptr) return {};
  auto value = as_node(found).value_exact<std::int64_t>();
  if (!value || *value < 0 || static_cast<std::uint64_t>(*value) < min ||
      static_cast<std::uint64_t>(*value) > max) {
    fail(key, "is " + shown(as_node(found)) + "; write a whole number from " + std::to_string(min) + " to " +
                  std::to_string(max));
    return {};
  }
  return static_cast<std::uint64_t>(*value);
}

std::optional<std::uint64_t> Table::size(std::string_view key, std::uint64_t min, std::uint64_t max) {
  const void* found = find(key);
  if (found == nullptr) return {};
  const auto& node = as_node(found);
  std::optional<std::uint64_t> value;
  if (auto bytes = node.value_exact<std::int64_t>(); bytes && *bytes >= 0)
    value = static_cast<std::uint64_t>(*bytes);
  else if (auto written = node.value_exact<std::string>())
    if (auto parsed = parse_size(*written)) value = *parsed;
  if (!value || *value < min || *value > max) {
    fail(key, "is " + shown(node) + "; write a size from " + format_size(min) + " to " + format_size(max) +
                  ", as in \"512 MiB\"");
    return {};
  }
  return value;
}

std::optional<Millis> Table::duration(std::string_view key, Millis min, Millis max) {
  const void* found = find(key);
  if (found == nullptr) return {};
  std::optional<Millis> value;
  if (auto written = as_node(found).value_exact<std::string>())
    if (auto parsed = parse_duration(*written)) value = *parsed;
  if (!value || *value < min || *value > max) {
    fail(key, "is " + shown(as_node(found)) + "; write a time from " + format_duration(min) + " to " +
                  format_duration(max) + ", as in \"90s\" or \"1h30m\"");
    return {};
  }
  return value;
}

std::optional<std::vector<std::string>> Table::texts(std::string_view key, std::size_t max_count,
                                                     std::size_t max) {
  const void* found = find(key);
  if (found == nullptr) return {};
  const auto* list = as_node(found).as_array();
  if (list == nullptr) {
    fail(key, "is " + shown(as_node(found)) + "; write a list of texts, as in [\"a\", \"b\"]");
    return {};
  }
  if (list->size() > max_count) {
    fail(key, "has " + std::to_string(list->size()) + " entries; at most " + std::to_string(max_count) +
                  " are taken");
    return {};
  }
  std::vector<std::string> out;
  for (const auto& entry : *list) {
    auto value = entry.value_exact<std::string>();
    if (!value || value->size() > max || value->find('\0') != std::string::npos) {
      fail(key, "holds " + shown(entry) + "; every entry must be text of at most " + std::to_string(max) +
                    " bytes");
      return {};
    }
    out.push_back(std::move(*value));
  }
  return out;
}

std::map<std::string, std::string> Table::pairs(std::string_view key, std::size_t max_count,
                                                std::size_t max) {
  std::map<std::string, std::string> out;
  const void* found = find(key);
  if (found == nullptr) return out;
  const auto* entries = as_node(found).as_table();
  if (entries == nullptr || entries->size() > max_count) {
    fail(key, entries == nullptr ? "is " + shown(as_node(found)) + "; write a table of texts"
                                 : "has more than " + std::to_string(max_count) + " entries");
    return out;
  }
  for (const auto& [name, entry] : *entries) {
    auto value = entry.value_exact<std::string>();
    std::string_view text = name.str();
    if (!value || value->size() > max || value->find('\0') != std::string::npos || text.size() > 256 ||
        text.find('\0') != std::string_view::npos) {
      fail(key, "has the entry " + quoted(text) + " = " + shown(entry) + "; it must be text of at most " +
                    std::to_string(max) + " bytes");
      return {};
    }
    out.emplace(text, std::move(*value));
  }
  return out;
}

Table& Table::table(std::string_view key) {
  const void* found = find(key);
  if (found != nullptr && !as_node(found).is_table()) {
    fail(key, "is " + shown(as_node(found)) + "; it is a table, written as [" +
                  (name_.empty() ? "" : name_ + ".") + std::string(key) + "]");
    found = nullptr;
  }
  auto& slot = tables_[std::string(key)];
  if (!slot)
    slot = std::unique_ptr<Table>(
        new Table(document_, found, (name_.empty() ? "" : name_ + ".") + std::string(key)));
  return *slot;
}

std::vector<Table*> Table::list(std::string_view key, std::size_t max_count) {
  std::vector<Table*> out;
  const void* found = find(key);
  if (found == nullptr) return out;
  const auto* entries = as_node(found).as_array();
  if (entries == nullptr || entries->size() > max_count) {
    fail(key, entries == nullptr ? "is " + shown(as_node(found)) + "; write a list of tables"
                                 : "has more than " + std::to_string(max_count) + " entries");
    return out;
  }
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const ::toml::node& entry = (*entries)[i];
    auto name = std::string(key) + "[" + std::to_string(i) + "]";
    if (!entry.is_table()) {
      fail(key, "holds " + shown(entry) + "; every entry must be a table");
      return {};
    }
    auto& slot = tables_[name];
    if (!slot)
      slot = std::unique_ptr<Table>(new Table(document_, &entry, (name_.empty() ? "" : name_ + ".") + name));
    out.push_back(slot.get());
  }
  return out;
}

void Table::refuse_unknown() {
  if (!present()) return;
  std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& [key, value] : *as_node(node_).as_table()) {
    std::string_view name = key.str();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    document_.fail(key.source().begin.line,
                   std::string(value.is_table() ? "unknown table " : "unknown key ") + quoted(name) +
                       (name_.empty() ? " at the top level" : " in [" + name_ + "]") +
                       did_you_mean(name, known));
    return;
  }
  for (auto& [key, table] : tables_) table->refuse_unknown();
}

Document::Document(std::unique_ptr<Tree> tree, std::string file)
    : tree_(std::move(tree)), file_(std::move(file)) {
  top_ = std::unique_ptr<Table>(new Table(*this, static_cast<const ::toml::node*>(&tree_->root), ""));
}
Document::~Document() = default;

Result<std::unique_ptr<Document>> Document::parse(std::string_view text, std::string_view file) {
  if (text.size() > kMaxDocument)
    return Error{
        Code::too_large,
        printable(file) + " is larger than " + format_size(kMaxDocument) + "; it is not what it should be",
        "config", false};
  BRIG_TRY(auto root, parse_toml(text, printable(file)));
  auto tree = std::make_unique<Tree>();
  tree->root = std::move(root);
  return std::unique_ptr<Document>(new Document(std::move(tree), printable(file)));
}

Result<std::unique_ptr<Document>> Document::from_json(const nlohmann::json& object, std::string_view name) {
  auto tree = std::make_unique<Tree>();
  bool fine = object.is_object() && fill(tree->root, object, 1);
  if (!fine)
    return Error{Code::invalid,
                 printable(name) + " must be an object without null, of at most " +
                     std::to_string(kMaxDepth) + " levels of UTF-8 text and numbers that fit 64 bits",
                 "config", false};
  return std::unique_ptr<Document>(new Document(std::move(tree), printable(name)));
}

void Document::fail(unsigned line, std::string message) {
  if (error_) return;
  error_ =
      Error{Code::invalid, file_ + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + std::move(message),
            "config", false};
}

Result<void> Document::finish() {
  if (!error_) top_->refuse_unknown();
  if (error_) return *error_;
  return {};
}

}  // namespace brig::config
