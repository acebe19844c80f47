#include "provider/probe.hpp"

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "core/base64.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "volume/files.hpp"

namespace brig::provider {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFile = 4 << 20;
constexpr std::size_t kMaxAccount = 128;

// The text at "a.b.c"; empty if there is none.
std::string text_at(const json& object, std::string_view field) {
  const json* at = &object;
  for (auto part : split(field, '.')) {
    if (!at->is_object()) return {};
    auto it = at->find(std::string(part));
    if (it == at->end()) return {};
    at = &*it;
  }
  return at->is_string() ? at->get<std::string>() : std::string();
}

// What a JSON Web Token says of its bearer; its signature is of no interest to somebody who only shows a
// name.
json claims_of(const std::string& token) {
  auto parts = split(token, '.');
  if (parts.size() != 3 || parts[1].size() > 64 * 1024) return nullptr;
  auto text = decode_base64(parts[1]);
  return text ? json::parse(*text, nullptr, false) : json();
}

// An address or a name; what looks like a key is not shown.
bool is_account(const std::string& text) {
  if (text.empty() || text.size() > kMaxAccount || printable(text, 2 * kMaxAccount) != text) return false;
  if (text.find('@') != std::string::npos || text.find(' ') != std::string::npos) return true;
  return text.size() <= 32;
}

}  // namespace

Probe probe(const std::filesystem::path& config, const std::vector<image::ProbeFile>& files) {
  Probe out;
  UniqueFd directory(::open(config.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  out.exists = static_cast<bool>(directory);
  if (!files.empty()) out.authenticated = false;
  if (!directory) return out;
  for (const auto& file : files) {
    auto text = volume::read_inside(directory.get(), file.file, kMaxFile);
    if (!text) continue;
    auto content = json::parse(*text, nullptr, false);
    ::explicit_bzero(text->data(), text->size());
    if (!content.is_object()) continue;
    for (const auto& field : file.logged_in)
      if (!text_at(content, field).empty()) out.authenticated = true;
    auto names = file.token.empty() ? content : claims_of(text_at(content, file.token));
    for (const auto& field : file.account) {
      auto account = text_at(names, field);
      if (out.account.empty() && is_account(account)) out.account = account;
    }
  }
  return out;
}

}  // namespace brig::provider
