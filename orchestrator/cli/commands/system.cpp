// brig system df.
#include "cli/commands/system.hpp"

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

constexpr Millis kLooksWithin{std::chrono::minutes(10)};

std::string size_of(const nlohmann::json& thing) {
  return thing.contains("bytes") ? format_size(number_of(thing, "bytes")) : "";
}

Result<int> df(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/system/df", nullptr, kLooksWithin));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  Table ours({"BRIG'S", "COUNT", "ON DISK", "IN NO USE", "LOOK AFTER IT BY"});
  for (const auto& portion : list_of(answer, "brig")) {
    if (!portion.is_object()) continue;
    auto idle = portion.value("idle", nlohmann::json::object());
    ours.add({{text_of(portion, "kind"), Colour::bold},
              std::to_string(number_of(portion, "count")),
              size_of(portion),
              {size_of(idle), Colour::yellow},
              text_of(portion, "remedy")});
  }
  Table others({"THE ENGINE'S", "COUNT", "ON DISK"});
  for (const auto& portion : list_of(answer, "others")) {
    if (portion.is_object())
      others.add({text_of(portion, "kind"), std::to_string(number_of(portion, "count")), size_of(portion)});
  }
  auto disk = answer.value("disk", nlohmann::json::object());
  print(ours.text(context.out()) + "\n" + others.text(context.out()) + "\n" +
        format_size(number_of(disk, "free")) + " of " + format_size(number_of(disk, "size")) + " are free\n");
  return 0;
}

constexpr OptionSpec kOptions[] = {kJsonOption};
constexpr Example kExamples[] = {
    {"brig system df", "what takes room, and what of it nothing uses"},
    {"brig system df --json | jq '.brig[] | select(.idle) | .kind'", "for scripts"},
};

constexpr CommandSpec kDf = {
    .name = "df",
    .summary = "Show what takes room on the disk: Brig's, and what else the engine keeps.",
    .description =
        "Looks at the disk when asked. Images share layers, so only their sum is told. Needs the role admin.",
    .options = kOptions,
    .examples = kExamples,
    .run = df,
};
constexpr const CommandSpec* kCommands[] = {&kDf, &kSystemBackup, &kSystemRestore};

}  // namespace

constexpr CommandSpec kSystem = {.name = "system",
                                 .summary = "Look at the host as a whole, back the state up and restore it.",
                                 .commands = kCommands};

}  // namespace brig::cli
