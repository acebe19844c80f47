#include "docker/request.hpp"

#include "core/text.hpp"
#include "docker/json.hpp"

namespace brig::docker {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_ref(std::string_view value, std::string_view also, std::size_t max) {
  if (value.empty() || value.size() > max || !is_alnum(value.front())) return false;
  for (char c : value) {
    if (!is_alnum(c) && also.find(c) == also.npos) return false;
  }
  return true;
}

}  // namespace

std::string escape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

Result<void> check_ref(std::string_view kind, std::string_view value) {
  if (is_ref(value, "_.-", 255)) return {};
  return Error{Code::invalid,
               quoted(value) + " is not a name of a " + std::string(kind) +
                   ": write letters, digits, '_', '.' and '-', first a letter or digit",
               "docker", false};
}

Result<void> check_image_ref(std::string_view value) {
  bool ok = is_ref(value, "_.-/:@+", 512);
  for (auto part : split(value, '/')) ok = ok && !part.empty() && part != "." && part != "..";
  if (ok) return {};
  return Error{Code::invalid,
               quoted(value) + " is not a name of an image: write it as in name:tag or registry/name:tag",
               "docker", false};
}

Query& Query::add(std::string_view key, std::string_view value) {
  path_ += has_query_ ? '&' : '?';
  has_query_ = true;
  path_ += key;
  path_ += '=';
  path_ += escape(value);
  return *this;
}

Query& Query::flag(std::string_view key, bool value) {
  return value ? add(key, "1") : *this;
}

Query& Query::some(std::string_view key, std::string_view value) {
  return value.empty() ? *this : add(key, value);
}

Query& Query::filters(const std::map<std::string, std::vector<std::string>>& filters) {
  Json json = Json::object();
  for (const auto& [key, values] : filters) {
    if (!values.empty()) json[key] = values;
  }
  return json.empty() ? *this : add("filters", dump(json));
}

}  // namespace brig::docker
