#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/sending.hpp"
#include "cli/commands/volumes.hpp"
#include "cli/exit_codes.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr Millis kCopyLimit = std::chrono::hours(1);

Error invalid(std::string message) {
  return Error{Code::invalid, std::move(message), "usage", false};
}

Result<int> export_volume(Context& context, const Arguments& arguments) {
  const auto& name = arguments.positionals()[0];
  if (::isatty(STDOUT_FILENO))
    return invalid("what comes is a compressed archive, which is nothing for a terminal; add: > " +
                   printable(name, 128) + ".tar.zst");
  BRIG_TRY(Client * client, context.client());
  Meter meter(context.err(), name);
  auto take = [&](std::string_view part) {
    meter.add(part.size());
    print(part);
    return flush_output().ok();
  };
  // brigd copies the volume's file system before the first byte comes.
  auto streamed = client->stream("GET", volume_path(name) + "/archive", nullptr, take, kCopyLimit);
  meter.finish();
  BRIG_CHECK(streamed);
  BRIG_CHECK(flush_output());
  return 0;
}

// A name has neither a dot nor a slash in it.
bool is_file(const std::string& word) {
  return word.find_first_of("./") != std::string::npos;
}

Result<int> import_volume(Context& context, const Arguments& arguments) {
  std::string file, name;
  for (const auto& word : arguments.positionals()) {
    auto& is = is_file(word) || word == "-" ? file : name;
    if (!is.empty())
      return invalid("say one file and one name; " + quoted(word) + " is one more " +
                     (&is == &file ? "file" : "name"));
    is = word;
  }
  Meter meter(context.err(), file.empty() ? "import" : file);
  UniqueFd in;
  if (!file.empty() && file != "-") {
    BRIG_TRY(in, open_to_send(file, meter));
  } else if (::isatty(STDIN_FILENO)) {
    return invalid(
        "what is read is an archive; name its file, or pipe one in: brig volume import < w.tar.zst");
  }
  BRIG_TRY(Client * client, context.client());
  std::string query;
  if (!name.empty()) query += "?name=" + percent_encode(name);
  if (auto mesh = arguments.get("mesh"))
    query += (query.empty() ? "?mesh=" : "&mesh=") + percent_encode(*mesh);
  Client::Upload sending(*client);
  BRIG_CHECK(sending.begin("POST", "/v1/volumes/import" + query, "application/zstd"));
  BRIG_TRY(std::string answer, send(in ? in.get() : STDIN_FILENO, "the archive", sending, meter));
  auto volume = nlohmann::json::parse(answer, nullptr, false);
  if (!volume.is_object())
    return Error{Code::protocol, "brigd's answer is not what it should be", "cli", false};
  if (arguments.json())
    print_json(volume);
  else
    print(printable(text_of(volume, "name")) + "\n");
  return 0;
}

Result<int> clone_volume(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  nlohmann::json body = {{"name", words[1]}};
  if (auto mesh = arguments.get("mesh")) body["mesh"] = *mesh;
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto made, client->call("POST", volume_path(words[0]) + "/clone", body, kCopyLimit));
  if (arguments.json())
    print_json(made);
  else
    print(printable(text_of(made, "name")) + "\n");
  return 0;
}

constexpr OptionSpec kMesh = {
    .flags = "--mesh", .value = "MESH", .help = "the mesh (a tenant) it belongs to; admins may choose"};
constexpr OptionSpec kNew[] = {kMesh, kJsonOption};
constexpr PositionalSpec kOne[] = {
    {.name = "VOLUME", .help = "its name, or the one it has at the engine", .complete = "volume"}};
constexpr PositionalSpec kFileAndName[] = {
    {.name = "FILE | NAME",
     .help =
         "the archive (default: standard input), and what to call the volume (default: as it was called); "
         "a file has a dot or a slash in its name",
     .arity = Arity::any,
     .complete = "file"}};
constexpr PositionalSpec kFromAndTo[] = {
    {.name = "VOLUME", .help = "its name, or the one it has at the engine", .complete = "volume"},
    {.name = "NAME", .help = "what to call the copy"}};
constexpr Example kExportExamples[] = {
    {"brig volume export cache > cache.tar.zst", "all that is in it, as it is at this moment"},
    {"brig volume export brig-claude-1f2e3d4c-1 | tar --zstd -tv", "any tar reads it"}};
constexpr Example kImportExamples[] = {
    {"brig volume import cache.tar.zst", "under the name it had"},
    {"brig volume import other < cache.tar.zst", "under another"},
    {"ssh build brig volume export cache | brig volume import", "from another machine"}};
constexpr Example kCloneExamples[] = {{"brig volume clone cache cache-before", "a copy of this moment"}};

}  // namespace

constexpr CommandSpec kVolumeExport = {
    .name = "export",
    .summary = "Write what is in a volume to standard output.",
    .description =
        "As a tar archive, compressed by zstd, with checksums and what the volume was. Sessions that have it "
        "go "
        "on: they wait while its file system is copied, so that the archive is of one moment. Owners, "
        "extended attributes and holes in files are not in it; pipes and sockets are left out.",
    .positionals = kOne,
    .examples = kExportExamples,
    .run = export_volume};

constexpr CommandSpec kVolumeImport = {
    .name = "import",
    .summary = "Make a volume of what another one held.",
    .description =
        "The archive is read to its end and checked before anything is made of it: one that is damaged, or "
        "leads out of the volume, is refused. The volume is shared, may hold what the other one could, and "
        "belongs to you. What was a provider's configuration needs a NAME.",
    .positionals = kFileAndName,
    .options = kNew,
    .examples = kImportExamples,
    .run = import_volume};

constexpr CommandSpec kVolumeClone = {.name = "clone",
                                      .summary = "Copy a volume.",
                                      .description =
                                          "The copy is a shared volume of the same size. Sessions that have "
                                          "the other one go on, and wait while "
                                          "its file system is copied.",
                                      .positionals = kFromAndTo,
                                      .options = kNew,
                                      .examples = kCloneExamples,
                                      .run = clone_volume};

}  // namespace brig::cli
