#include "cli/commands/mounts.hpp"

#include <sys/stat.h>

#include "core/base64.hpp"
#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxOverlays = 512 << 10;  // together; as the API has it

struct Mount {
  std::string source;
  std::string path;
  bool other = false;  // it ended in `:ro` or `:rw`
};

// SOURCE:/path[:WORD]. A source may have colons: the path begins at the last ":/".
Result<Mount> split_mount(const char* option, const std::string& text, const char* word) {
  Mount out;
  auto rest = text;
  if (auto suffix = ":" + std::string(word); rest.ends_with(suffix)) {
    out.other = true;
    rest.resize(rest.size() - suffix.size());
  }
  auto colon = rest.rfind(":/");
  if (colon == std::string::npos || colon == 0) {
    return Error{Code::invalid,
                 std::string(option) + " " + quoted(text) + " is not understood; write " +
                     (option == std::string("--volume") ? "NAME" : "FILE") + ":/path, or with :" + word +
                     " at the end",
                 "cli", false};
  }
  out.source = rest.substr(0, colon);
  out.path = rest.substr(colon + 1);
  return out;
}

std::string octal(unsigned mode) {
  std::string out = "0000";
  for (int i = 3; i >= 1; --i, mode >>= 3)
    out[static_cast<std::size_t>(i)] = static_cast<char>('0' + (mode & 7));
  return out;
}

}  // namespace

Result<nlohmann::json> volumes_of(const Arguments& arguments) {
  auto out = nlohmann::json::array();
  for (const auto& text : arguments.all("volume")) {
    BRIG_TRY(auto mount, split_mount("--volume", text, "ro"));
    out.push_back({{"volume", mount.source}, {"path", mount.path}, {"read_only", mount.other}});
  }
  return out;
}

Result<nlohmann::json> overlays_of(const Arguments& arguments) {
  auto out = nlohmann::json::array();
  std::size_t bytes = 0;
  for (const auto& text : arguments.all("overlay")) {
    BRIG_TRY(auto mount, split_mount("--overlay", text, "rw"));
    struct stat status {};
    bool there = ::stat(mount.source.c_str(), &status) == 0;
    auto content = there && !S_ISREG(status.st_mode)
                       ? Result<std::string>(Error{Code::invalid, "it is no regular file", "cli", false})
                       : read_file(mount.source, kMaxOverlays);
    if (!content) {
      return Error{content.error().code,
                   "--overlay " + quoted(text) + " cannot be used: " + content.error().message, "cli", false};
    }
    bytes += content->size();
    if (bytes > kMaxOverlays)
      return Error{Code::too_large,
                   "the files of --overlay hold more than 512 KiB together; make them smaller", "cli", false};
    out.push_back({{"path", mount.path},
                   {"content_base64", base64(*content)},
                   {"mode", octal(status.st_mode & 0777)},
                   {"read_only", !mount.other}});
  }
  return out;
}

}  // namespace brig::cli
