#include "cli/commands/build.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/exit_codes.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

bool flag_of(const nlohmann::json& json, const char* key) {
  if (!json.is_object()) return false;
  auto at = json.find(key);
  return at != json.end() && at->is_boolean() && at->get<bool>();
}

std::string size_of(const nlohmann::json& image) {
  auto at = image.is_object() ? image.find("size") : image.end();
  if (!image.is_object() || at == image.end() || !at->is_number_unsigned()) return "";
  return format_size(at->get<std::uint64_t>());
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/images"));
  const auto& images = list_of(answer, "images");
  if (arguments.json()) {
    print_json(images);
    return 0;
  }
  Table table({"PROVIDER", "STATE", "SIZE", "AGE", "IMAGE"});
  for (const auto& image : images) {
    bool built = flag_of(image, "built");
    bool stale = flag_of(image, "stale");
    table.add({{text_of(image, "provider"), Colour::bold},
               {!built  ? "not built"
                : stale ? "stale"
                        : "ready",
                !built  ? Colour::dim
                : stale ? Colour::yellow
                        : Colour::green},
               size_of(image),
               age(text_of(image, "created")),
               text_of(image, "tag")});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> build(Context& context, const Arguments& arguments) {
  auto built = nlohmann::json::array();
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto image, build_image(context, name, arguments.has("no-cache")));
    if (!arguments.json()) {
      print(printable(text_of(image, "tag")) + (size_of(image).empty() ? "" : "  " + size_of(image)) + "\n");
      BRIG_CHECK(flush_output());
    }
    built.push_back(std::move(image));
  }
  if (arguments.json()) print_json(built);
  return 0;
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto nothing, client->call("DELETE", "/v1/images/" + percent_encode(name)));
    if (!arguments.json()) print(printable(name) + "\n");
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

Result<int> outdated(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/images/outdated", nullptr, std::chrono::minutes(2)));
  const auto& packages = list_of(answer, "outdated");
  if (arguments.json()) {
    print_json(packages);
    return 0;
  }
  if (packages.empty()) {
    print("Every pinned package is the latest.\n");
    return 0;
  }
  Table table({"PACKAGE", "PINNED", "LATEST"});
  for (const auto& package : packages) {
    table.add({{text_of(package, "package"), Colour::bold},
               text_of(package, "pinned"),
               {text_of(package, "latest"), Colour::green}});
  }
  print(table.text(context.out()));
  return 0;
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kBuildOptions[] = {{.flags = "--no-cache", .help = "build every step anew"},
                                        kJsonOption};
constexpr PositionalSpec kNames[] = {
    {.name = "NAME", .help = "names of providers", .arity = Arity::some, .complete = "provider"}};
constexpr Example kListExamples[] = {{"brig image ls", "the providers, and whether their images are built"}};
constexpr Example kBuildExamples[] = {{"brig image build claude codex", "ahead of their first use"},
                                      {"brig image build --no-cache shell", "with the packages of today"}};
constexpr Example kRemoveExamples[] = {{"brig image rm claude", "its next use builds it again"}};
constexpr Example kOutdatedExamples[] = {
    {"brig image outdated", "pins of which the package registry has a newer version"}};

constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List providers and their images.",
                               .options = kJson,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kBuild = {.name = "build",
                                .summary = "Build the images of providers.",
                                .positionals = kNames,
                                .options = kBuildOptions,
                                .examples = kBuildExamples,
                                .run = build};
constexpr CommandSpec kRemove = {.name = "rm",
                                 .summary = "Remove the images of providers.",
                                 .positionals = kNames,
                                 .options = kJson,
                                 .examples = kRemoveExamples,
                                 .run = remove};
constexpr CommandSpec kOutdated = {.name = "outdated",
                                   .summary = "List pinned packages that have a newer version.",
                                   .options = kJson,
                                   .examples = kOutdatedExamples,
                                   .run = outdated};
constexpr const CommandSpec* kCommands[] = {&kList, &kBuild, &kRemove, &kOutdated};

}  // namespace

constexpr CommandSpec kImage = {
    .name = "image", .summary = "List, build and remove the images of providers.", .commands = kCommands};

}  // namespace brig::cli
