// brig service files: what is in a skill.
#include "cli/commands/services.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

constexpr Millis kFetchWithin = std::chrono::minutes(10);

Result<int> list(Context& context, const Arguments& arguments, const std::string& path) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path + "/files"));
  const auto& files = list_of(answer, "files");
  if (arguments.json()) {
    print_json(files);
    return 0;
  }
  Table table({"PATH", "SIZE", ""});
  for (const auto& file : files)
    table.add({printable(text_of(file, "path"), 1024), format_size(number_of(file, "bytes")),
               file.value("executable", nlohmann::json()) == true ? "executable" : ""});
  print(table.text(context.out()));
  return 0;
}

Result<int> files(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  BRIG_TRY(auto path, service_path(context, arguments, words[0]));
  if (words.size() == 1) return list(context, arguments, path);
  if (arguments.json())
    return Error{Code::invalid, "--json is for the list; a file comes as it is", "usage", false};
  BRIG_TRY(Client * client, context.client());
  auto take = [](std::string_view part) {
    print(part);
    return flush_output().ok();
  };
  BRIG_CHECK(
      client->stream("GET", path + "/file?path=" + percent_encode(words[1]), nullptr, take, kFetchWithin));
  BRIG_CHECK(flush_output());
  return 0;
}

constexpr PositionalSpec kWords[] = {
    kServiceName,
    {.name = "PATH", .help = "one of them; none: say which there are", .arity = Arity::optional}};
constexpr OptionSpec kOptions[] = {kServiceMesh, kJsonOption};
constexpr Example kExamples[] = {
    {"brig service files notes --mesh acme", "what the skill has"},
    {"brig service files notes SKILL.md --mesh acme", "what agents read first"},
    {"brig service files notes scripts/collect.py --mesh acme > collect.py", "one of its files, as it is"}};

}  // namespace

constexpr CommandSpec kServiceFiles = {.name = "files",
                                       .summary = "List the files of a skill, or fetch one of them.",
                                       .description =
                                           "Sessions of its mesh that are started by somebody who may see it "
                                           "have them at /opt/brig/skills/NAME, "
                                           "and where their agent looks for skills.",
                                       .positionals = kWords,
                                       .options = kOptions,
                                       .examples = kExamples,
                                       .run = files};

}  // namespace brig::cli
