// provider.toml and versions.lock of strangers: parsing ends, and what is accepted is fit for use.
#include <cstdint>
#include <cstdlib>

#include "core/text.hpp"
#include "image/lock.hpp"
#include "image/provider_file.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto provider = brig::image::parse_provider(text, "provider.toml", "tool", "brig");
  if (provider) {
    require(!provider->binary.empty() && provider->binary.find('/') == std::string::npos);
    require(provider->binary.front() != '-');
    require(brig::printable(provider->title) == provider->title);
    for (const auto& [name, value] : provider->env) {
      require(name.find('=') == std::string::npos && value.find('\0') == std::string::npos);
    }
    for (const auto& mount : provider->config) {
      require(mount.path.front() == '/' && (mount.path + "/").find("/../") == std::string::npos);
      for (const auto& kept : mount.keep) require(!kept.empty() && kept.front() != '/');
    }
  } else {
    require(brig::is_utf8(provider.error().message));
  }
  if (auto pins = brig::image::parse_lock(text, "versions.lock"))
    for (const auto& pin : *pins) require(!pin.name.starts_with('-') && !pin.version.empty());
  return 0;
}
