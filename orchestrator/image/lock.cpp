#include "image/lock.hpp"

#include <sys/utsname.h>

#include <algorithm>

#include "config/table.hpp"
#include "core/text.hpp"

namespace brig::image {
namespace {

std::string required(config::Table& entry, std::string_view key, std::size_t max) {
  auto value = entry.text(key, max);
  if (!value && !entry.has(key))
    entry.fail(key, "is missing; every entry has id, arch, name, version, track, integrity");
  return value.value_or("");
}

// What becomes an argument of npm and part of an address.
bool is_package_name(std::string_view text) {
  return !text.empty() && text.size() <= 214 && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '@' || c == '/';
         });
}

bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == '+';
  });
}

// The numbers before the first '-'.
std::vector<unsigned long> numbers(std::string_view version) {
  std::vector<unsigned long> out;
  for (auto part : split(version.substr(0, version.find('-')), '.')) {
    unsigned long value = 0;
    for (char c : part.substr(0, 9))
      if (c >= '0' && c <= '9') value = value * 10 + static_cast<unsigned long>(c - '0');
    out.push_back(value);
  }
  return out;
}

}  // namespace

Result<std::vector<Pin>> parse_lock(std::string_view text, std::string_view file) {
  BRIG_TRY(auto document, config::Document::parse(text, file));
  auto& top = document->top();
  if (!top.has("format")) top.fail("format", "is missing; write format = 1");
  top.number("format", 1, 1);
  std::vector<Pin> pins;
  for (auto* entry : top.list("packages", 1024)) {
    Pin pin{required(*entry, "id", 64),     required(*entry, "arch", 16),
            required(*entry, "name", 214),  required(*entry, "version", 128),
            required(*entry, "track", 128), required(*entry, "integrity", 256)};
    if (!is_package_name(pin.name))
      entry->fail("name", "is " + quoted(pin.name) + "; write the name of an npm package");
    if (!is_version(pin.version))
      entry->fail("version", "is " + quoted(pin.version) + "; write one exact version");
    if (!is_version(pin.track))
      entry->fail("track", "is " + quoted(pin.track) + "; write \"latest\" or a version's beginning");
    pins.push_back(std::move(pin));
  }
  BRIG_CHECK(document->finish());
  return pins;
}

std::string machine_arch() {
  struct utsname name {};
  if (::uname(&name) != 0) return "unknown";
  std::string_view machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return std::string(machine);
}

std::string_view platform_suffix(std::string_view version) {
  auto at = version.find("-linux-");
  return at == std::string_view::npos ? std::string_view() : version.substr(at);
}

bool is_newer(std::string_view version, std::string_view than) {
  return numbers(version) > numbers(than);
}

}  // namespace brig::image
