// brig audit: what was done in a mesh, and whether the account of it is as it was written.
#include "cli/commands/commands.hpp"
#include "cli/commands/services.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr int kBroken = 1;
constexpr std::uint64_t kMaxOffset = 100'000;
constexpr std::uint64_t kPage = 1'000;

Result<std::string> audit_path(const Context& context, const Arguments& arguments) {
  BRIG_TRY(auto mesh, mesh_path(context, arguments));
  return mesh + "/audit";
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, audit_path(context, arguments));
  BRIG_TRY(auto limit, arguments.number("last", kPage));
  BRIG_TRY(auto offset, arguments.number("offset", kMaxOffset));
  path += "?limit=" + std::to_string(limit.value_or(50));
  if (offset) path += "&offset=" + std::to_string(*offset);
  if (auto event = arguments.get("event")) path += "&event=" + percent_encode(*event);
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path));
  const auto& entries = list_of(answer, "entries");
  if (arguments.json()) {
    print_json(entries);
    return 0;
  }
  Table table({"ID", "AT", "EVENT", "ACTOR", "WHAT"});
  for (const auto& entry : entries)
    table.add({std::to_string(number_of(entry, "id")),
               {text_of(entry, "created_at"), Colour::dim},
               {text_of(entry, "event"), Colour::bold},
               text_of(entry, "actor"),
               printable(entry.value("payload", json()).dump(), 160)});
  print(table.text(context.out()));
  return 0;
}

// The oldest are let go once there are too many.
std::string since(const json& verdict) {
  auto first = number_of(verdict, "first");
  return first > 1 ? " since number " + std::to_string(first) : "";
}

Result<int> verify(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, audit_path(context, arguments));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path + "/verify"));
  bool valid = answer.value("valid", json(false)) == true;
  auto entries = std::to_string(number_of(answer, "entries"));
  if (arguments.json())
    print_json(answer);
  else if (valid)
    print(entries + " entries" + since(answer) + ", as they were written; the last is " +
          printable(text_of(answer, "hash")) + "\n");
  else
    print("entry " + std::to_string(number_of(answer, "broken_at")) + " of " + entries +
          " is not as it was written, or is missing; what follows proves nothing\n");
  return valid ? 0 : kBroken;
}

Result<int> export_all(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, audit_path(context, arguments));
  BRIG_TRY(Client * client, context.client());
  BRIG_CHECK(client->stream("GET", path + "/export", nullptr, [](std::string_view part) {
    print(part);
    return flush_output().ok();
  }));
  return 0;
}

constexpr OptionSpec kListOptions[] = {
    kServiceMesh,
    {.flags = "-n,--last", .value = "ENTRIES", .help = "so many of them (default 50)"},
    {.flags = "--offset", .value = "ENTRIES", .help = "leave out so many of the newest"},
    {.flags = "--event", .value = "EVENT", .help = "only this one and those below it: service, tool.called"},
    kJsonOption};
constexpr OptionSpec kOptions[] = {kServiceMesh, kJsonOption};
constexpr OptionSpec kExportOptions[] = {kServiceMesh};
constexpr Example kListExamples[] = {
    {"brig audit ls --mesh acme -n 20", "what was done last, the newest first"},
    {"brig audit ls --mesh acme --event secret", "which keys were used, by what"}};
constexpr Example kVerifyExamples[] = {
    {"brig audit verify --mesh acme", "1 if an entry was changed, removed, moved or cut off"}};
constexpr Example kExportExamples[] = {
    {"brig audit export --mesh acme > acme.jsonl", "all of it, the oldest first, an entry a line"}};

constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List what was done in a mesh.",
                               .options = kListOptions,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kVerify = {.name = "verify",
                                 .summary = "Check that a mesh's audit is as it was written.",
                                 .description =
                                     "Each entry's hash covers the one before it; where the chain ends is "
                                     "sealed by the vault's key. The hash of the last entry, "
                                     "kept elsewhere, shows later that nothing before it was changed.",
                                 .options = kOptions,
                                 .examples = kVerifyExamples,
                                 .run = verify};
constexpr CommandSpec kExport = {.name = "export",
                                 .summary = "Print all of a mesh's audit, as lines of JSON.",
                                 .options = kExportOptions,
                                 .examples = kExportExamples,
                                 .run = export_all};
constexpr const CommandSpec* kCommands[] = {&kList, &kVerify, &kExport};

}  // namespace

constexpr CommandSpec kAudit = {
    .name = "audit",
    .summary = "See what was done in a mesh, and that nobody changed the account.",
    .commands = kCommands};

}  // namespace brig::cli
