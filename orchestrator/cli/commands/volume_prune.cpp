// brig volume prune: a plan, a yes, and what became of it.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "cli/ask.hpp"
#include "cli/client/report.hpp"
#include "cli/commands/volumes.hpp"
#include "cli/exit_codes.hpp"
#include "cli/progress.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr Millis kHead = std::chrono::minutes(5);
constexpr std::size_t kMaxPlan = 64u << 20;

Error refuse(std::string message) {
  return Error{Code::invalid, std::move(message), "cli", false};
}

void show_plan(const Context& context, const json& plan) {
  const auto& style = context.out();
  const auto& goes = list_of(plan, "goes");
  const auto& stays = list_of(plan, "stays");
  auto table_of = [&](const char* head, const json& volumes, Colour colour) {
    Table table({head, "OF", "ON THE HOST", "LAST USED", "WHY"});
    for (const auto& volume : volumes) {
      auto taken = taken_by(volume);
      table.add({{text_of(volume, "name"), colour},
                 origin_of(volume),
                 taken ? format_size(*taken) : "",
                 last_used(volume),
                 joined(list_of(volume, "reasons"), "; ")});
    }
    return table.text(style);
  };
  if (!goes.empty()) print(table_of("GOES", goes, Colour::red) + "\n");
  if (!stays.empty()) print(table_of("STAYS", stays, Colour::plain) + "\n");
  print(std::to_string(goes.size()) + (goes.size() == 1 ? " volume goes, " : " volumes go, ") +
        format_size(number_of(plan, "bytes")) + "; " + std::to_string(stays.size()) +
        (stays.size() == 1 ? " stays\n" : " stay\n"));
}

Result<json> rules_of(const Arguments& arguments) {
  auto out = volume_filter(arguments);
  if (auto unused = arguments.get("unused-for")) out["unused_for"] = *unused;
  BRIG_TRY(auto keep, arguments.number("keep-last", 1'000'000));
  if (keep) out["keep_last"] = *keep;
  return out;
}

Result<json> read_plan(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_error(errno, "cannot read " + quoted(path, 256), "cli");
  std::string text(kMaxPlan + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto plan = text.size() > kMaxPlan ? json() : json::parse(text, nullptr, false);
  if (!plan.is_object() || !plan.contains("goes") || !plan["goes"].is_array() || !plan.contains("rules"))
    return refuse(quoted(path, 256) + " is no plan; make one with 'brig volume prune --plan FILE'");
  return plan;
}

Result<void> write_plan(const std::string& path, const json& plan) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << plan.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  file.close();
  if (!file) return errno_error(errno, "cannot write " + quoted(path, 256), "cli");
  return {};
}

// What brigd tells line by line; the last line is the report.
Result<json> carry_out(Context& context, const json& plan, bool quarantine) {
  json order{{"rules", plan["rules"]}, {"volumes", json::array()}, {"quarantine", quarantine}};
  std::map<std::string, std::string> names;
  for (const auto& volume : list_of(plan, "goes")) {
    order["volumes"].push_back(
        {{"volume", text_of(volume, "engine_name")}, {"used", text_of(volume, "used")}});
    names[text_of(volume, "engine_name")] = text_of(volume, "name");
  }
  BRIG_TRY(Client * client, context.client());
  ProgressLine progress(context.err());
  std::size_t done = 0;
  auto line = [&](const json& told) {
    if (auto at = told.find("progress"); at != told.end() && at->is_object()) {
      auto fraction = at->find("fraction");
      progress.update("archiving " + printable(names[text_of(*at, "volume")]) + " (" +
                          std::to_string(done + 1) + " of " + std::to_string(names.size()) + ")",
                      fraction != at->end() && fraction->is_number() ? std::optional(fraction->get<double>())
                                                                     : std::nullopt);
    }
    if (told.contains("step")) {
      ++done;
      progress.update(
          "pruned " + printable(names[text_of(told["step"], "volume")]),
          static_cast<double>(done) / static_cast<double>(std::max<std::size_t>(1, names.size())));
    }
  };
  Report of{"the prune", "'brig volume ls' shows what is left"};
  BRIG_TRY(auto report, follow(*client, "/v1/prune", order, of, line, kHead));
  // What people call them.
  for (auto& step : report["steps"]) step["name"] = names[text_of(step, "volume")];
  return report;
}

int show_report(const Context& context, const json& report) {
  std::size_t gone = 0, left = 0;
  for (const auto& step : list_of(report, "steps")) {
    auto name = printable(text_of(step, "name"));
    if (is_true(step, "gone")) {
      ++gone;
      print(name + "\n");
    } else {
      ++left;
      std::cerr << context.err().paint(Colour::yellow, "left ") << name << ": "
                << printable(text_of(step, "reason"), 1024) << "\n";
    }
  }
  std::cerr << "pruned " << gone << (gone == 1 ? " volume; " : " volumes; ")
            << format_size(number_of(report, "bytes")) << " free again"
            << (left > 0 ? "; " + std::to_string(left) + " left" : "") << "\n";
  return 0;
}

// What brigd prunes by itself.
Result<int> show_rules(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/prune/rules"));
  const auto& rules = list_of(answer, "rules");
  if (arguments.json()) {
    print_json(rules);
    return 0;
  }
  const auto& style = context.out();
  std::string out;
  for (const auto& rule : rules) {
    if (!out.empty()) out += "\n";
    add_fact(out, style, "rule", text_of(rule, "name") + (is_true(rule, "dry_run") ? " (only tells)" : ""));
    add_fact(out, style, "every", text_of(rule, "every") + ", done after " + text_of(rule, "notice"));
    add_fact(out, style, "next",
             text_of(rule, "next") + (is_true(rule, "pending") ? ": does what it planned" : ": plans"));
    if (auto planned = rule.find("planned"); planned != rule.end())
      add_fact(out, style, "planned",
               std::to_string(list_of(*planned, "volumes").size()) + " to go, " +
                   age(text_of(*planned, "at")) + " ago: " + joined(list_of(*planned, "volumes")));
    auto done = rule.find("done");
    if (done == rule.end()) continue;
    std::string gone, left;
    for (const auto& step : list_of(*done, "steps")) {
      auto& list = is_true(step, "gone") ? gone : left;
      list += (list.empty() ? "" : ", ") + text_of(step, "volume");
      if (!is_true(step, "gone")) list += " (" + text_of(step, "reason") + ")";
    }
    add_fact(
        out, style, "pruned",
        (gone.empty() ? "nothing" : gone + ", " + format_size(number_of(*done, "bytes")) + " free again") +
            ", " + age(text_of(*done, "at")) + " ago");
    add_fact(out, style, "left", left);
  }
  print(out.empty() ? "there are no [[prune]] rules in brigd's configuration\n" : out);
  return 0;
}

Result<int> prune(Context& context, const Arguments& arguments) {
  if (arguments.has("rules")) return show_rules(context, arguments);
  auto file = arguments.get("execute");
  bool quarantine = !arguments.has("no-quarantine");
  json plan;
  BRIG_TRY(auto rules, rules_of(arguments));
  if (file) {
    if (!rules.empty() || arguments.has("plan") || arguments.has("dry-run"))
      return refuse("--execute does what the plan says: leave the other options out");
    BRIG_TRY(plan, read_plan(*file));
  } else {
    BRIG_TRY(Client * client, context.client());
    BRIG_TRY(plan, client->call("POST", "/v1/prune/plan", rules));
  }
  bool only_plan = arguments.has("dry-run") || arguments.has("plan");
  if (auto path = arguments.get("plan")) BRIG_CHECK(write_plan(*path, plan));
  if (only_plan || !arguments.json()) {
    if (arguments.json())
      print_json(plan);
    else if (!file)
      show_plan(context, plan);
  }
  if (only_plan) return 0;
  if (list_of(plan, "goes").empty()) {
    if (arguments.json()) print_json({{"steps", json::array()}, {"bytes", 0}});
    return 0;
  }
  // A plan file is the yes.
  if (!file && !arguments.has("yes")) {
    if (!::isatty(STDIN_FILENO) || arguments.json())
      return refuse("there is nobody to ask; say --yes, or make a plan with --plan FILE and --execute it");
    BRIG_CHECK(flush_output());
    if (!yes(quarantine ? "Archive them, and remove them?" : "Remove them for good?")) return 0;
  }
  BRIG_TRY(auto report, carry_out(context, plan, quarantine));
  if (!arguments.json()) return show_report(context, report);
  print_json(report);
  return 0;
}

constexpr OptionSpec kOptions[] = {
    kVolumeMesh,
    kVolumeProvider,
    kVolumeIdentity,
    kVolumeKind,
    kVolumeOwner,
    {.flags = "--unused-for",
     .value = "TIME",
     .help = "those that nobody has, and nobody had for so long (default 30d)"},
    kVolumeLarger,
    kVolumeOrphan,
    {.flags = "--keep-last",
     .value = "N",
     .help = "keep the N last used of each owner, mesh and provider, however long ago"},
    {.flags = "--dry-run", .help = "show the plan, and do nothing"},
    {.flags = "--plan",
     .value = "FILE",
     .help = "write the plan to this file, and do nothing",
     .complete = "file"},
    {.flags = "--execute",
     .value = "FILE",
     .help = "carry out a plan as it was written; refused where something changed since",
     .complete = "file"},
    {.flags = "--no-quarantine", .help = "remove them for good, instead of archiving them"},
    {.flags = "--rules", .help = "show what brigd prunes by itself, when next, and what it did last"},
    {.flags = "-y,--yes", .help = "do not ask"},
    kJsonOption};
constexpr Example kExamples[] = {
    {"brig volume prune --dry-run", "what would go and why, and what would stay and why"},
    {"brig volume prune --unused-for 90d --keep-last 2", "asks before it does anything"},
    {"brig volume prune --orphan --unused-for 7d --plan plan.json", "to be looked at first"},
    {"brig volume prune --execute plan.json", "exactly that, or nothing"},
    {"brig volume prune --rules", "what the [[prune]] rules in brig.toml plan and did"}};

}  // namespace

constexpr CommandSpec kVolumePrune = {
    .name = "prune",
    .summary = "Put volumes that nobody needs any more into quarantine.",
    .description =
        "Only those that nothing speaks for: no pin, no session that has it or will have it, no container of "
        "the engine's in whatever state and whosever, no mount on the host, no use that is not long enough "
        "ago. All of that is looked at anew before anything is done; who takes a volume meanwhile keeps it. "
        "Without an engine that answers nothing is pruned. They are archived, checked and removed; until "
        "volumes.retention is over, 'brig volume restore' takes them back, and so does a session that asks "
        "for one.",
    .options = kOptions,
    .examples = kExamples,
    .run = prune};

}  // namespace brig::cli
