#include "daemon/upkeep.hpp"

#include <unistd.h>

#include <cstdio>
#include <functional>

#include "backup/restore.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "daemon/places.hpp"

namespace brig::daemon {
namespace {

constexpr std::size_t kMaxPassphrase = 4096;
constexpr std::size_t kShortest = 12;

void say(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
}

void say_left_out(const char* what, const std::vector<std::string>& names, const char* why) {
  if (!names.empty())
    say(std::to_string(names.size()) + " " + what + " " + why + ": " + printable(join(names, ", "), 1000));
}

// One line of what is being done, on a terminal, gone when it is.
class Progress {
 public:
  void operator()(const char* what) const {
    if (shown_) std::fprintf(stderr, "\r\033[K%s…", what);
  }
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  bool shown_ = ::isatty(STDERR_FILENO) == 1;
};

Result<Secret> passphrase_in(const std::filesystem::path& file) {
  if (file.empty()) return Secret();
  BRIG_TRY(std::string text, read_file(file, kMaxPassphrase));
  Secret out(std::string_view(text).substr(0, text.find_first_of("\r\n")));
  explicit_bzero(text.data(), text.size());
  if (out.reveal().size() >= kShortest) return out;
  return Error{Code::invalid,
               "the first line of " + quoted(file.native(), 300) + " is no passphrase: it needs " +
                   std::to_string(kShortest) +
                   " bytes or more, since whoever has the backup can try them all",
               "backup", false};
}

template <class Work>
auto with_progress(backup::Places places, Work work) {
  Progress progress;
  places.tell = std::ref(progress);
  return work(places);
}

Result<void> back_up(const backup::Places& places, const Upkeep& upkeep, const Secret& passphrase) {
  BRIG_TRY(auto manifest, with_progress(places, [&](const backup::Places& told) {
             return backup::back_up(told, upkeep.back_up, passphrase);
           }));
  std::string key = ", with the vault's key under the passphrase";
  if (!manifest.key && !passphrase.empty()) key = "; there is no vault's key yet";
  if (passphrase.empty())
    key = ", without the vault's key: keep " + quoted((places.state.root() / "vault.key").native(), 300) +
          " elsewhere, or add --passphrase-file";
  say("the backup is whole: schema " + std::to_string(manifest.schema) + key +
      "; volumes and workspaces are not in it");
  return {};
}

Result<void> restore(const backup::Places& places, const Upkeep& upkeep, const Secret& passphrase) {
  BRIG_TRY(auto restored, with_progress(places, [&](const backup::Places& told) {
             return backup::restore(told, upkeep.restore, passphrase, upkeep.replace);
           }));
  say("restored the state of " + printable(restored.manifest.created) + ", of Brig " +
      printable(restored.manifest.version));
  const auto& unfit = restored.unfit;
  say_left_out("sessions", unfit.sessions, "were left out, whose workspaces are not on this disk");
  say_left_out("checkpoints", unfit.checkpoints, "were left out, whose files are not on this disk");
  say_left_out("volumes", unfit.volumes, "were left out, which are not on this disk ('brig volume import')");
  say_left_out("services", unfit.services, "will be built anew");
  say_left_out("services", unfit.uploads, "came as a zip, which is in no backup: deploy them again");
  if (!restored.key)
    say(restored.manifest.key
            ? "the vault's key was not restored: add --passphrase-file for that"
            : "the vault's key is not in the backup; put the one that it was sealed with in "
              "its place before brigd starts");
  say("tokens that were revoked since are valid again: 'brig token ls'");
  say("what was there before, and the configuration as it was, is in " +
      quoted(restored.aside.native(), 300));
  return {};
}

}  // namespace

Result<void> keep_up(const config::Config& config, const Upkeep& upkeep) {
  backup::Places places{StatePaths(config.service.state_dir), {upkeep.config_file}, BRIG_VERSION};
  for (const auto& path : {config.policy.ceiling, config.policy.profiles_dir})
    if (!path.empty()) places.settings.push_back(path);
  BRIG_TRY(auto passphrase, passphrase_in(upkeep.passphrase));
  if (!upkeep.back_up.empty()) return back_up(places, upkeep, passphrase);
  BRIG_CHECK(make_private(places.state.root(), 0711));
  return restore(places, upkeep, passphrase);
}

}  // namespace brig::daemon
