// brig gc: what has piled up beside volumes; a plan, a yes, and what became of it.
#include <unistd.h>

#include <iostream>

#include "cli/ask.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/volumes.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr Millis kWithin = std::chrono::minutes(30);

void show_plan(const Context& context, const json& plan) {
  const auto& style = context.out();
  const auto& goes = list_of(plan, "goes");
  const auto& stays = list_of(plan, "stays");
  auto table_of = [&](const char* head, const json& things, Colour colour) {
    Table table({head, "KIND", "OF", "ON DISK", "WHY"});
    for (const auto& thing : things)
      table.add({{text_of(thing, "name"), colour},
                 text_of(thing, "kind"),
                 text_of(thing, "of"),
                 format_size(number_of(thing, "bytes")),
                 joined(list_of(thing, "reasons"), "; ")});
    return table.text(style);
  };
  if (!goes.empty()) print(table_of("GOES", goes, Colour::red) + "\n");
  if (!stays.empty()) print(table_of("STAYS", stays, Colour::plain) + "\n");
  print(std::to_string(goes.size()) + (goes.size() == 1 ? " thing goes, " : " things go, ") +
        format_size(number_of(plan, "bytes")) + "; " + std::to_string(stays.size()) +
        (stays.size() == 1 ? " stays\n" : " stay\n"));
}

void show_report(const Context& context, const json& report) {
  std::size_t gone = 0, left = 0;
  for (const auto& step : list_of(report, "steps")) {
    auto name = text_of(step, "kind") + " " + printable(text_of(step, "name"));
    if (is_true(step, "gone")) {
      ++gone;
      print(name + "\n");
    } else {
      ++left;
      std::cerr << context.err().paint(Colour::yellow, "left ") << name << ": "
                << printable(text_of(step, "reason"), 1024) << "\n";
    }
  }
  std::cerr << "removed " << gone << (gone == 1 ? " thing; " : " things; ")
            << format_size(number_of(report, "bytes")) << " free again"
            << (left > 0 ? "; " + std::to_string(left) + " left" : "") << "\n";
}

Result<int> collect(Context& context, const Arguments& arguments) {
  auto rules = json::object();
  if (auto unused = arguments.get("unused-for")) rules["unused_for"] = *unused;
  for (const auto& kind : arguments.all("kind")) rules["kinds"].push_back(kind);
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto plan, client->call("POST", "/v1/gc/plan", rules, kWithin));
  bool only_plan = arguments.has("dry-run");
  if (only_plan && arguments.json()) print_json(plan);
  if (!arguments.json()) show_plan(context, plan);
  if (only_plan) return 0;
  if (list_of(plan, "goes").empty()) {
    if (arguments.json()) print_json({{"steps", json::array()}, {"bytes", 0}});
    return 0;
  }
  if (!arguments.has("yes")) {
    if (!::isatty(STDIN_FILENO) || arguments.json())
      return Error{Code::invalid, "there is nobody to ask; say --yes, or look first with --dry-run", "cli",
                   false};
    BRIG_CHECK(flush_output());
    if (!yes("Remove them for good?")) return 0;
  }
  json order{{"rules", plan["rules"]}, {"things", json::array()}};
  for (const auto& thing : list_of(plan, "goes"))
    order["things"].push_back({{"kind", text_of(thing, "kind")}, {"id", text_of(thing, "id")}});
  BRIG_TRY(auto report, client->call("POST", "/v1/gc", order, kWithin));
  if (arguments.json())
    print_json(report);
  else
    show_report(context, report);
  return 0;
}

constexpr OptionSpec kOptions[] = {
    {.flags = "--unused-for", .value = "TIME", .help = "what was of no use for so long (default 30d)"},
    {.flags = "--kind",
     .value = "KIND",
     .help = "only these: session, checkpoint, image, template or archive; may be repeated",
     .complete = "session|checkpoint|image|template|archive",
     .many = true},
    {.flags = "--dry-run", .help = "show the plan, and do nothing"},
    {.flags = "-y,--yes", .help = "do not ask"},
    kJsonOption};
constexpr Example kExamples[] = {
    {"brig gc --dry-run", "what has piled up, what of it would go, and why the rest would stay"},
    {"brig gc --unused-for 90d --kind session", "sessions that ended three months ago; asks first"},
    {"brig gc -y --kind image --unused-for 0s", "images that newer builds have replaced, for a timer"}};

}  // namespace

constexpr CommandSpec kGc = {
    .name = "gc",
    .summary = "Remove what has piled up: old sessions, replaced images, leftovers.",
    .description =
        "Sessions that ended long ago, with what they wrote and said, unless they have checkpoints or a "
        "service has them; checkpoints as old of such sessions, which then go with the next gc; images of "
        "providers that newer builds have replaced, with the builder's layers "
        "that nothing else needs, unless a container or a session is of them; disk templates that were not "
        "copied lately, which are made anew when they are wanted; archives in quarantine whose ledger was "
        "lost. For good: volumes have 'brig volume prune', which can be taken back. Needs the role admin.",
    .options = kOptions,
    .examples = kExamples,
    .run = collect,
};

}  // namespace brig::cli
