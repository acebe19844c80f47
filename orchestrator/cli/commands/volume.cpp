#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/volumes.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

constexpr Millis kRestoreLimit = std::chrono::hours(1);

Result<int> create(Context& context, const Arguments& arguments) {
  nlohmann::json body = {{"name", arguments.positionals()[0]}};
  if (auto size = arguments.get("size")) body["size"] = *size;
  if (auto mesh = arguments.get("mesh")) body["mesh"] = *mesh;
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto made, client->call("POST", "/v1/volumes", body));
  if (arguments.json())
    print_json(made);
  else
    print(printable(text_of(made, "name")) + "\n");
  return 0;
}

Result<int> show(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto volume, client->call("GET", volume_path(arguments.positionals()[0])));
  if (arguments.json()) {
    print_json(volume);
    return 0;
  }
  std::string out;
  const auto& style = context.out();
  auto say = [&](const char* name, const char* key) { add_fact(out, style, name, text_of(volume, key)); };
  say("name", "name");
  say("kind", "kind");
  say("engine name", "engine_name");
  say("owner", "owner");
  say("mesh", "mesh");
  say("provider", "provider");
  say("identity", "identity");
  say("identity id", "identity_id");
  auto room = room_of(volume);
  add_fact(out, style, "holds", room.text, room.colour);
  if (auto taken = number_of(volume, "size_on_host")) add_fact(out, style, "on the host", format_size(taken));
  say("created", "created");
  auto used = age(text_of(volume, "last_used"));
  add_fact(out, style, "last used",
           used.empty() ? "never" : used + " ago, by session " + text_of(volume, "last_used_by"));
  add_fact(out, style, "in use by", joined(list_of(volume, "sessions")));
  std::string had;
  for (const auto& use : list_of(volume, "uses"))
    had += (had.empty() ? "" : ", ") + text_of(use, "name") + " (" + age(text_of(use, "at")) + " ago)";
  add_fact(out, style, "had by", had);
  add_fact(out, style, "pinned", is_true(volume, "pinned") ? "yes: no prune takes it" : "no");
  if (auto stage = text_of(volume, "stage"); !stage.empty())
    add_fact(out, style, "stage",
             stage + " since " + text_of(volume, "quarantined") +
                 (text_of(volume, "until").empty() ? "" : ", until " + text_of(volume, "until")),
             Colour::yellow);
  if (auto prune = volume.find("prune"); prune != volume.end())
    add_fact(out, style, "prune",
             (is_true(*prune, "goes") ? "takes it: " : "leaves it: ") + joined(list_of(*prune, "reasons")));
  if (is_true(volume, "orphan"))
    add_fact(out, style, "orphan", "yes: its identity or its provider is gone", Colour::yellow);
  print(out);
  return 0;
}

Result<int> set_pin(Context& context, const Arguments& arguments, const char* method) {
  BRIG_TRY(Client * client, context.client());
  auto done = nlohmann::json::array();
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto volume, client->call(method, volume_path(name) + "/pin"));
    if (!arguments.json()) print(printable(text_of(volume, "name")) + "\n");
    done.push_back(std::move(volume));
  }
  if (arguments.json()) print_json(done);
  return 0;
}

Result<int> pin(Context& context, const Arguments& arguments) {
  return set_pin(context, arguments, "POST");
}

Result<int> unpin(Context& context, const Arguments& arguments) {
  return set_pin(context, arguments, "DELETE");
}

Result<int> restore(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  auto done = nlohmann::json::array();
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto volume, client->call("POST", volume_path(name) + "/restore", nullptr, kRestoreLimit));
    if (!arguments.json()) print(printable(text_of(volume, "name")) + "\n");
    done.push_back(std::move(volume));
  }
  if (arguments.json()) print_json(done);
  return 0;
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& name : arguments.positionals()) {
    auto target = volume_path(name) + (arguments.has("no-quarantine") ? "?for_good=1" : "");
    BRIG_TRY(auto nothing, client->call("DELETE", target, nullptr, kRestoreLimit));
    if (!arguments.json()) {
      print(printable(name) + "\n");
      BRIG_CHECK(flush_output());
    }
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kCreateOptions[] = {
    {.flags = "--size",
     .value = "SIZE",
     .help = "how much it may hold, such as 10G (default: as brigd is told)"},
    {.flags = "--mesh", .value = "MESH", .help = "the mesh (a tenant) it belongs to; admins may choose"},
    kJsonOption};
constexpr OptionSpec kRemoveOptions[] = {
    {.flags = "--no-quarantine", .help = "for good, without an archive; also what is in quarantine"},
    kJsonOption};
constexpr PositionalSpec kName[] = {{.name = "NAME", .help = "what to call it"}};
constexpr PositionalSpec kOne[] = {
    {.name = "VOLUME", .help = "its name, or the one it has at the engine", .complete = "volume"}};
constexpr PositionalSpec kSome[] = {{.name = "VOLUME",
                                     .help = "names, or those they have at the engine",
                                     .arity = Arity::some,
                                     .complete = "volume"}};
constexpr Example kCreateExamples[] = {
    {"brig volume create cache --size 10G", "a place for 10 GiB, and no more"},
    {"brig run shell --volume cache:/home/agent/.cache", "used"}};
constexpr Example kShowExamples[] = {{"brig volume show cache", "how full it is, and who has it"}};
constexpr Example kPinExamples[] = {
    {"brig volume pin brig-claude-1f2e3d4c-1", "no prune takes it from now on"}};
constexpr Example kUnpinExamples[] = {{"brig volume unpin cache", "prunes may take it again"}};
constexpr Example kRestoreExamples[] = {
    {"brig volume ls --quarantined", "what there is"},
    {"brig volume restore brig-claude-1f2e3d4c-1", "as it was when it was pruned"}};
constexpr Example kRemoveExamples[] = {
    {"brig volume rm cache", "'brig volume restore cache' takes it back, for a while"},
    {"brig volume rm --no-quarantine cache", "with all that is in it, and for good"}};

constexpr CommandSpec kCreate = {.name = "create",
                                 .summary = "Make a volume that sandboxes can share.",
                                 .positionals = kName,
                                 .options = kCreateOptions,
                                 .examples = kCreateExamples,
                                 .run = create};
constexpr CommandSpec kShowVolume = {.name = "show",
                                     .summary = "Show one volume.",
                                     .positionals = kOne,
                                     .options = kJson,
                                     .examples = kShowExamples,
                                     .run = show};
constexpr CommandSpec kRemove = {.name = "rm",
                                 .summary = "Remove volumes.",
                                 .description =
                                     "They go into quarantine, as a prune's do: archived, and removed then. "
                                     "One that a session or a container "
                                     "has, or that is pinned, is not removed. To remove what a provider "
                                     "keeps, say its name at the engine, "
                                     "as 'brig volume ls' shows it.",
                                 .positionals = kSome,
                                 .options = kRemoveOptions,
                                 .examples = kRemoveExamples,
                                 .run = remove};
constexpr CommandSpec kPin = {.name = "pin",
                              .summary = "Keep volumes from being pruned.",
                              .positionals = kSome,
                              .options = kJson,
                              .examples = kPinExamples,
                              .run = pin};
constexpr CommandSpec kUnpin = {.name = "unpin",
                                .summary = "Let prunes take volumes again.",
                                .positionals = kSome,
                                .options = kJson,
                                .examples = kUnpinExamples,
                                .run = unpin};
constexpr CommandSpec kRestoreVolume = {
    .name = "restore",
    .summary = "Take volumes out of quarantine.",
    .description =
        "Their archives are checked on the way: one that is damaged is named, and stays where it is.",
    .positionals = kSome,
    .options = kJson,
    .examples = kRestoreExamples,
    .run = restore};
constexpr const CommandSpec* kCommands[] = {&kVolumeList,   &kCreate,       &kShowVolume,  &kVolumeDu,
                                            &kPin,          &kUnpin,        &kVolumePrune, &kRestoreVolume,
                                            &kVolumeExport, &kVolumeImport, &kVolumeClone, &kRemove};

}  // namespace

constexpr CommandSpec kVolume = {
    .name = "volume", .summary = "Manage volumes that outlive sandboxes.", .commands = kCommands};

}  // namespace brig::cli
