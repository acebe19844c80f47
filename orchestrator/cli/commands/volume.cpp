#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

std::string path_of(const std::string& volume) {
  return "/v1/volumes/" + percent_encode(volume);
}

std::string joined(const nlohmann::json& list) {
  std::string out;
  for (const auto& item : list)
    if (item.is_string()) out += (out.empty() ? "" : ", ") + printable(item.get<std::string>());
  return out;
}

// "1.5 MiB of 4 GiB"; in a colour where little is left.
Table::Cell room_of(const nlohmann::json& volume) {
  auto held = number_of(volume, "size"), limit = number_of(volume, "size_limit");
  if (!volume.contains("size")) return limit ? "of " + format_size(limit) : "";
  auto text = format_size(held) + (limit ? " of " + format_size(limit) : "");
  return limit && held > limit - limit / 10 ? Table::Cell(text, Colour::red) : Table::Cell(text);
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/volumes"));
  auto volumes = nlohmann::json::array();
  for (const auto& volume : list_of(answer, "volumes"))
    if (arguments.has("all") || text_of(volume, "kind") == "shared") volumes.push_back(volume);
  if (arguments.json()) {
    print_json(volumes);
    return 0;
  }
  Table table({"NAME", "KIND", "HOLDS", "AGE", "LAST USED", "IN USE BY", "AT THE ENGINE"});
  for (const auto& volume : volumes) {
    auto used = age(text_of(volume, "last_used"));
    table.add({{text_of(volume, "name"), Colour::bold},
               text_of(volume, "kind"),
               room_of(volume),
               age(text_of(volume, "created")),
               used.empty() ? "never" : used + " ago",
               joined(list_of(volume, "sessions")),
               text_of(volume, "engine_name")});
  }
  print(table.text(context.out()));
  return 0;
}

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
  BRIG_TRY(auto volume, client->call("GET", path_of(arguments.positionals()[0])));
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
  say("identity", "identity_id");
  auto room = room_of(volume);
  add_fact(out, style, "holds", room.text, room.colour);
  say("created", "created");
  auto used = age(text_of(volume, "last_used"));
  add_fact(out, style, "last used",
           used.empty() ? "never" : used + " ago, by session " + text_of(volume, "last_used_by"));
  add_fact(out, style, "in use by", joined(list_of(volume, "sessions")));
  print(out);
  return 0;
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto nothing, client->call("DELETE", path_of(name)));
    if (!arguments.json()) {
      print(printable(name) + "\n");
      BRIG_CHECK(flush_output());
    }
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kListOptions[] = {
    {.flags = "-a,--all", .help = "those of providers' configuration, too"}, kJsonOption};
constexpr OptionSpec kCreateOptions[] = {
    {.flags = "--size",
     .value = "SIZE",
     .help = "how much it may hold, such as 10G (default: as brigd is told)"},
    {.flags = "--mesh", .value = "MESH", .help = "the mesh (a tenant) it belongs to; admins may choose"},
    kJsonOption};
constexpr PositionalSpec kName[] = {{.name = "NAME", .help = "what to call it"}};
constexpr PositionalSpec kOne[] = {
    {.name = "VOLUME", .help = "its name, or the one it has at the engine", .complete = "volume"}};
constexpr PositionalSpec kSome[] = {{.name = "VOLUME",
                                     .help = "names, or those they have at the engine",
                                     .arity = Arity::some,
                                     .complete = "volume"}};
constexpr Example kListExamples[] = {
    {"brig volume ls", "what is shared among sandboxes"},
    {"brig volume ls --all", "and what providers keep of their configuration"}};
constexpr Example kCreateExamples[] = {
    {"brig volume create cache --size 10G", "a place for 10 GiB, and no more"},
    {"brig run shell --volume cache:/home/agent/.cache", "used"}};
constexpr Example kShowExamples[] = {{"brig volume show cache", "how full it is, and who has it"}};
constexpr Example kRemoveExamples[] = {{"brig volume rm cache", "with all that is in it"}};

constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List the volumes that are shared among sandboxes.",
                               .options = kListOptions,
                               .examples = kListExamples,
                               .run = list};
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
constexpr CommandSpec kRemove = {
    .name = "rm",
    .summary = "Remove volumes with all that is in them.",
    .description =
        "One that a session has is not removed. To remove what a provider keeps, say its name at the "
        "engine, as 'brig volume ls --all' shows it.",
    .positionals = kSome,
    .options = kJson,
    .examples = kRemoveExamples,
    .run = remove};
constexpr const CommandSpec* kCommands[] = {&kList, &kCreate, &kShowVolume, &kRemove};

}  // namespace

constexpr CommandSpec kVolume = {
    .name = "volume", .summary = "Manage volumes that outlive sandboxes.", .commands = kCommands};

}  // namespace brig::cli
