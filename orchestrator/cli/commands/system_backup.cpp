// brig system backup and restore: brigd's own work, on the host where its state is, whether it serves or not.
#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/system.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// The brigd that came with this brig.
Result<std::string> find_brigd() {
  std::error_code ec;
  auto here = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  for (const auto& candidate : {here / "brigd", here.parent_path() / "sbin" / "brigd"})
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  return Error{Code::not_found,
               "brigd is not installed beside brig; a backup is made and restored on the host that has it",
               "cli", false};
}

Result<int> become_brigd(Context& context, const Arguments& arguments, const char* what) {
  auto host = context.host() ? context.host() : context.environment()("BRIG_HOST");
  if (host && !host->empty() && !host->starts_with("unix:"))
    return Error{
        Code::unsupported,
        "the state lies on the host that brigd runs on: say 'brig system' there, as in ssh HOST brig "
        "system backup - > FILE",
        "cli", false};
  BRIG_TRY(std::string program, find_brigd());
  std::vector<std::string> words{program, what, arguments.positionals()[0]};
  for (const char* option : {"config", "passphrase-file"}) {
    if (auto value = arguments.get(option)) words.insert(words.end(), {"--" + std::string(option), *value});
  }
  if (arguments.has("replace")) words.push_back("--replace");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  return errno_error(errno, "cannot run " + quoted(program, 300), "cli");
}

Result<int> backup(Context& context, const Arguments& arguments) {
  if (arguments.positionals()[0] == "-" && ::isatty(STDOUT_FILENO))
    return Error{Code::invalid,
                 "what comes is a compressed archive, which is nothing for a terminal; name a file", "usage",
                 false};
  return become_brigd(context, arguments, "--backup");
}

Result<int> restore(Context& context, const Arguments& arguments) {
  return become_brigd(context, arguments, "--restore");
}

constexpr OptionSpec kConfig = {.flags = "--config",
                                .value = "FILE",
                                .help = "brigd's configuration (default: /etc/brig/brig.toml)",
                                .complete = "file"};
constexpr OptionSpec kPassphrase = {
    .flags = "--passphrase-file",
    .value = "FILE",
    .help = "the vault's key too, under the passphrase that is FILE's first line",
    .complete = "file"};
constexpr OptionSpec kBackupOptions[] = {kPassphrase, kConfig};
constexpr OptionSpec kRestoreOptions[] = {
    {.flags = "--replace",
     .help = "also where the state is in use; what is there is kept under another name"},
    kPassphrase,
    kConfig};
constexpr PositionalSpec kTo[] = {
    {.name = "FILE", .help = "the archive to write; - for standard output", .complete = "file"}};
constexpr PositionalSpec kFrom[] = {{.name = "FILE", .help = "the archive to read", .complete = "file"}};
constexpr Example kBackupExamples[] = {
    {"brig system backup /var/backups/brig.tar.zst", "without the vault's key, /var/lib/brig/vault.key"},
    {"brig system backup /var/backups/brig.tar.zst --passphrase-file /root/brig.pass", "with it"},
    {"ssh build brig system backup - > build.tar.zst", "of another host"}};
constexpr Example kRestoreExamples[] = {
    {"systemctl stop brigd.socket brigd; brig system restore /var/backups/brig.tar.zst; systemctl start "
     "brigd",
     "on a new machine"},
    {"brig system restore brig.tar.zst --replace --passphrase-file /root/brig.pass",
     "in place of what is there, with the vault's key"}};

}  // namespace

constexpr CommandSpec kSystemBackup = {
    .name = "backup",
    .summary = "Write the service's state to a file.",
    .description =
        "The ledger of one moment (sessions, tokens, the sealed vault, services, volumes, providers), "
        "certificates, and the configuration; also while brigd runs. The archive has checksums, and is read "
        "again before it "
        "gets its name. Volumes are not in it ('brig volume export' takes them), nor are workspaces; "
        "artefacts of "
        "services are built anew. On brigd's host, as root.",
    .positionals = kTo,
    .options = kBackupOptions,
    .examples = kBackupExamples,
    .run = backup};

constexpr CommandSpec kSystemRestore = {.name = "restore",
                                        .summary = "Put the state of a backup in the place of what is there.",
                                        .description =
                                            "While brigd is stopped and no sandbox runs. Everything is "
                                            "checked first: a damaged archive changes nothing, and "
                                            "whenever this is killed there is the old state or the new one. "
                                            "What was there is kept. Sessions and volumes that are not "
                                            "on this disk are left out, and told. On brigd's host, as root.",
                                        .positionals = kFrom,
                                        .options = kRestoreOptions,
                                        .examples = kRestoreExamples,
                                        .run = restore};

}  // namespace brig::cli
