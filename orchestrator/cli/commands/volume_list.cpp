// brig volume ls, brig volume du.
#include <map>

#include "cli/commands/volumes.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kBar = 24;

void show_foreign(const Context& context, const nlohmann::json& foreign) {
  if (foreign.empty()) return;
  Table table({"NOT BRIG'S", "DRIVER", "AGE", "IN USE BY"});
  for (const auto& volume : foreign)
    table.add({{text_of(volume, "name"), Colour::dim},
               text_of(volume, "driver"),
               age(text_of(volume, "created")),
               joined(list_of(volume, "containers"))});
  print("\n" + table.text(context.out()));
}

Table quarantine_table(const json& volumes) {
  Table table({"NAME", "KIND", "OF", "STAGE", "ARCHIVE", "SINCE", "UNTIL", "LAST USED"});
  for (const auto& volume : volumes) {
    auto since = age(text_of(volume, "quarantined"));
    table.add({{text_of(volume, "name"), Colour::bold},
               text_of(volume, "kind"),
               origin_of(volume),
               text_of(volume, "stage"),
               format_size(number_of(volume, "archive_size")),
               since.empty() ? "" : since + " ago",
               text_of(volume, "until").substr(0, 16),
               last_used(volume)});
  }
  return table;
}

Result<int> list(Context& context, const Arguments& arguments) {
  auto parameters = volume_filter(arguments);
  if (auto unused = arguments.get("unused-for")) parameters["unused_for"] = *unused;
  if (auto sort = arguments.get("sort")) parameters["sort"] = *sort;
  bool quarantined = arguments.has("quarantined");
  if (quarantined) parameters["quarantined"] = true;
  bool all = arguments.has("all");
  if (all) parameters["foreign"] = true;
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/volumes" + as_query(parameters)));
  const auto& volumes = list_of(answer, "volumes");
  if (arguments.json()) {
    print_json(all ? answer : volumes);
    return 0;
  }
  if (quarantined) {
    print(quarantine_table(volumes).text(context.out()));
    return 0;
  }
  Table table({"NAME", "KIND", "OF", "HOLDS", "AGE", "LAST USED", "IN USE BY", "AT THE ENGINE"});
  for (const auto& volume : volumes) {
    auto name = text_of(volume, "name"), engine = text_of(volume, "engine_name");
    bool orphan = is_true(volume, "orphan");
    table.add({{name + (is_true(volume, "pinned") ? " (pinned)" : ""), Colour::bold},
               text_of(volume, "kind"),
               {origin_of(volume), orphan ? Colour::yellow : Colour::plain},
               room_of(volume),
               age(text_of(volume, "created")),
               last_used(volume),
               joined(list_of(volume, "sessions")),
               name == engine ? "" : engine});
  }
  print(table.text(context.out()));
  if (all) show_foreign(context, list_of(answer, "foreign"));
  return 0;
}

struct Node {
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  std::map<std::string, Node> below = {};
};

// The largest first, each with its share of the whole.
void draw(const Node& node, const std::string& name, std::size_t depth, std::uint64_t whole, Table& table) {
  auto filled = whole == 0 ? 0 : static_cast<std::size_t>(node.bytes * kBar / whole);
  std::string bar;
  for (std::size_t i = 0; i < kBar; ++i) bar += i < filled ? "█" : "·";
  auto percent = whole == 0 ? 0 : node.bytes * 100 / whole;
  bool leaf = node.below.empty();
  table.add({{std::string(2 * depth, ' ') + name, leaf ? Colour::plain : Colour::bold},
             format_size(node.bytes),
             std::to_string(percent) + "%",
             {bar, Colour::blue},
             leaf ? "" : std::to_string(node.count)});
  std::vector<std::pair<const std::string*, const Node*>> children;
  for (const auto& [child, what] : node.below) children.emplace_back(&child, &what);
  std::stable_sort(children.begin(), children.end(),
                   [](const auto& a, const auto& b) { return a.second->bytes > b.second->bytes; });
  for (const auto& [child, what] : children) draw(*what, *child, depth + 1, whole, table);
}

Result<int> usage(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/volumes" + as_query(volume_filter(arguments))));
  Node all;
  for (const auto& volume : list_of(answer, "volumes")) {
    auto mesh = text_of(volume, "mesh"), of = text_of(volume, "provider");
    auto taken = taken_by(volume).value_or(0);
    Node* at = &all;
    for (const auto& step : {mesh.empty() ? std::string("(no mesh)") : mesh,
                             of.empty() ? std::string("(shared)") : of, text_of(volume, "name")}) {
      at->bytes += taken;
      ++at->count;
      at = &at->below[step];
    }
    at->bytes += taken;
    ++at->count;
  }
  if (arguments.json()) {
    auto encode = [](const auto& self, const Node& node) -> nlohmann::json {
      nlohmann::json out{{"bytes", node.bytes}, {"volumes", node.count}};
      for (const auto& [name, child] : node.below) out["below"][name] = self(self, child);
      return out;
    };
    print_json(encode(encode, all));
    return 0;
  }
  Table table({"WHAT", "ON THE HOST", "SHARE", "", "VOLUMES"});
  draw(all, "all", 0, all.bytes, table);
  print(table.text(context.out()));
  return 0;
}

constexpr OptionSpec kListOptions[] = {
    kVolumeMesh,
    kVolumeProvider,
    kVolumeIdentity,
    kVolumeKind,
    kVolumeOwner,
    {.flags = "--unused-for",
     .value = "TIME",
     .help = "those that nobody has, and nobody had for so long, such as 30d"},
    kVolumeLarger,
    kVolumeOrphan,
    {.flags = "--sort",
     .value = "ORDER",
     .help = "by name, size (the largest first) or used (the longest ago first)",
     .complete = "name|size|used"},
    {.flags = "--quarantined", .help = "those in quarantine, and until when"},
    {.flags = "-a,--all", .help = "what Brig did not make, too; it never touches it. For admins"},
    kJsonOption};
constexpr OptionSpec kDuOptions[] = {kVolumeMesh,  kVolumeProvider, kVolumeIdentity, kVolumeKind,
                                     kVolumeOwner, kVolumeLarger,   kVolumeOrphan,   kJsonOption};
constexpr Example kListExamples[] = {
    {"brig volume ls", "what outlives sandboxes"},
    {"brig volume ls --kind shared", "what is shared among them"},
    {"brig volume ls --unused-for 30d --larger 100M --sort size", "what could go, the largest first"},
    {"brig volume ls --quarantined", "what was pruned and can be restored"},
    {"brig volume ls --orphan", "configuration of accounts that are gone"}};
constexpr Example kDuExamples[] = {{"brig volume du", "who takes how much, by mesh and provider"},
                                   {"brig volume du --mesh north --json", "of one mesh, for a program"}};

}  // namespace

std::string volume_path(const std::string& volume) {
  return "/v1/volumes/" + percent_encode(volume);
}

bool is_true(const nlohmann::json& json, const char* key) {
  auto at = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && at != json.end() && at->is_boolean() && at->get<bool>();
}

Table::Cell room_of(const nlohmann::json& volume) {
  auto held = number_of(volume, "size"), limit = number_of(volume, "size_limit");
  if (!volume.contains("size")) return limit ? "of " + format_size(limit) : "";
  auto text = format_size(held) + (limit ? " of " + format_size(limit) : "");
  return limit && held > limit - limit / 10 ? Table::Cell(text, Colour::red) : Table::Cell(text);
}

std::string joined(const nlohmann::json& list, const char* between) {
  std::string out;
  for (const auto& item : list)
    if (item.is_string()) out += (out.empty() ? "" : between) + item.get<std::string>();
  return out;
}

std::string last_used(const nlohmann::json& volume) {
  auto used = age(text_of(volume, "last_used"));
  return used.empty() ? "never" : used + " ago";
}

std::optional<std::uint64_t> taken_by(const nlohmann::json& volume) {
  for (const char* key : {"size_on_host", "size"})
    if (volume.contains(key)) return number_of(volume, key);
  return std::nullopt;
}

std::string origin_of(const nlohmann::json& volume) {
  auto provider = text_of(volume, "provider"), identity = text_of(volume, "identity");
  if (provider.empty()) return {};
  return provider + "/" + (identity.empty() ? text_of(volume, "identity_id") : identity);
}

nlohmann::json volume_filter(const Arguments& arguments) {
  auto out = nlohmann::json::object();
  for (const char* name : {"mesh", "provider", "identity", "kind", "owner", "larger"})
    if (auto value = arguments.get(name)) out[name] = *value;
  if (arguments.has("orphan")) out["orphan"] = true;
  return out;
}

std::string as_query(const nlohmann::json& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters.items())
    out += (out.empty() ? "?" : "&") + name + "=" +
           (value.is_boolean() ? "1" : percent_encode(value.get<std::string>()));
  return out;
}

constexpr CommandSpec kVolumeList = {.name = "ls",
                                     .summary = "List the volumes that outlive sandboxes.",
                                     .options = kListOptions,
                                     .examples = kListExamples,
                                     .run = list};

constexpr CommandSpec kVolumeDu = {.name = "du",
                                   .summary = "Show how much volumes take on the host, by mesh and provider.",
                                   .options = kDuOptions,
                                   .examples = kDuExamples,
                                   .run = usage};

}  // namespace brig::cli
