// brig stats, brig top.
#include <poll.h>
#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/session_text.hpp"
#include "cli/top/top.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr Millis kBetweenLooks{500};
constexpr Millis kShortest{200};
constexpr Millis kLongest{std::chrono::minutes(10)};

std::string query_of(const Arguments& arguments) {
  std::string query;
  for (const char* key : {"mesh", "provider", "owner"}) {
    if (auto value = arguments.get(key))
      query += (query.empty() ? "?" : "&") + std::string(key) + "=" + percent_encode(*value);
  }
  return query;
}

Result<UsageOrder> order_of(const Arguments& arguments, UsageOrder otherwise) {
  auto word = arguments.get("sort");
  if (!word) return otherwise;
  if (auto order = usage_order(*word)) return *order;
  std::vector<std::string_view> known(std::begin(kUsageOrders), std::end(kUsageOrders));
  return Error{Code::invalid,
               "--sort is one of name, state, cpu, memory, tasks, disk, traffic and age, not " +
                   quoted(*word) + did_you_mean(*word, known),
               "usage", false};
}

Table usage_table(const std::vector<SessionUsage>& sessions) {
  Table table({"NAME", "STATE", "CPU", "MEMORY", "TASKS", "DISK", "OUT", "IN", "OPEN", "DENIED", "ON IT",
               "AGE", "PROVIDER"});
  auto count = [](std::uint64_t n) { return n == 0 ? std::string() : std::to_string(n); };
  for (const auto& session : sessions) {
    std::string tasks;
    if (session.tasks.used)
      tasks = std::to_string(*session.tasks.used) +
              (session.tasks.limit ? "/" + std::to_string(*session.tasks.limit) : "");
    table.add({{session.name, Colour::bold},
               {session.state, state_colour(session.state)},
               cpu_text(session.cpu) + (session.cpu && session.cpus ? "/" + cpu_text(session.cpus) : ""),
               amount_text(session.memory),
               tasks,
               amount_text(session.disk),
               rate_text(session.sent),
               rate_text(session.received),
               count(session.open),
               count(session.denied),
               count(session.attached),
               age(session.created),
               session.provider});
  }
  return table;
}

Result<int> show(Context& context, const Arguments& arguments, UsageOrder otherwise) {
  BRIG_TRY(auto order, order_of(arguments, otherwise));
  BRIG_TRY(Client * client, context.client());
  auto path = "/v1/stats" + query_of(arguments);
  Looks looks;
  BRIG_TRY(auto first, client->call("GET", path));
  auto sessions = looks.add(first);
  if (!sessions.empty()) {
    ::poll(nullptr, 0, static_cast<int>(kBetweenLooks.count()));
    BRIG_TRY(auto second, client->call("GET", path));
    sessions = looks.add(second);
  }
  const auto& wanted = arguments.positionals();
  for (const auto& ref : wanted) {
    bool there = std::any_of(sessions.begin(), sessions.end(),
                             [&](const auto& s) { return s.name == ref || s.id == ref; });
    if (!there)
      return Error{Code::not_found, "no session " + quoted(ref) + " runs; 'brig ps' lists those that do",
                   "cli", false};
  }
  if (!wanted.empty())
    std::erase_if(sessions, [&](const auto& s) {
      return std::none_of(wanted.begin(), wanted.end(),
                          [&](const auto& ref) { return s.name == ref || s.id == ref; });
    });
  sort_usage(sessions, order);
  if (arguments.json()) {
    auto out = nlohmann::json::array();
    for (const auto& session : sessions) out.push_back(to_json(session));
    print_json(out);
    return 0;
  }
  print(usage_table(sessions).text(context.out()));
  return 0;
}

Result<int> stats(Context& context, const Arguments& arguments) {
  return show(context, arguments, UsageOrder::name);
}

Result<int> top(Context& context, const Arguments& arguments) {
  if (arguments.has("once")) return show(context, arguments, UsageOrder::cpu);
  if (arguments.json())
    return Error{Code::invalid, "--json needs --once: a full-screen view is for people", "usage", false};
  if (!::isatty(STDIN_FILENO) || !::isatty(STDOUT_FILENO))
    return Error{Code::invalid, "this is no terminal; 'brig top --once' prints one look", "usage", false};
  TopOptions options;
  options.query = query_of(arguments);
  BRIG_TRY(options.order, order_of(arguments, UsageOrder::cpu));
  BRIG_TRY(auto every, arguments.duration("interval"));
  if (every && (*every < kShortest || *every > kLongest))
    return Error{Code::invalid, "--interval is from 200ms to 10m", "usage", false};
  if (every) options.every = *every;
  return watch_usage(context, options);
}

constexpr const char* kOrders = "name|state|cpu|memory|tasks|disk|traffic|age";
constexpr OptionSpec kMesh = {.flags = "--mesh", .value = "MESH", .help = "of this mesh"};
constexpr OptionSpec kProvider = {
    .flags = "--provider", .value = "PROVIDER", .help = "of this provider", .complete = "provider"};
constexpr OptionSpec kOwner = {
    .flags = "--owner", .value = "OWNER", .help = "of this owner, such as uid:1000; for admins"};
constexpr PositionalSpec kSessions[] = {
    {.name = "SESSION", .help = "only these", .arity = Arity::any, .complete = "session"}};
constexpr OptionSpec kStatsOptions[] = {
    kMesh,       kProvider,
    kOwner,      {.flags = "--sort", .value = "KEY", .help = "by what (default name)", .complete = kOrders},
    kJsonOption,
};
constexpr Example kStatsExamples[] = {
    {"brig stats", "what every session uses, over half a second"},
    {"brig stats --sort memory", "the largest first"},
    {"brig stats fix --json | jq '.[0].memory.used'", "for scripts"},
};
constexpr OptionSpec kTopOptions[] = {
    {.flags = "--once", .help = "print one look as a table, and stop"},
    {.flags = "--interval", .value = "DURATION", .help = "between two looks, from 200ms (default 2s)"},
    kMesh,
    kProvider,
    kOwner,
    {.flags = "--sort", .value = "KEY", .help = "by what at first (default cpu)", .complete = kOrders},
    kJsonOption,
};
constexpr Example kTopExamples[] = {
    {"brig top", "what runs, and what it uses; q leaves"},
    {"brig top --mesh acme --sort memory", "one tenant's, the largest first"},
    {"brig top --once --json", "one look, for scripts"},
};

}  // namespace

constexpr CommandSpec kStats = {
    .name = "stats",
    .summary = "Show what sessions use: CPU, memory, tasks, disk, and what goes in and out.",
    .description =
        "CPU counts CPUs: 1.50 is one and a half. Memory is without what the kernel would give up at once. "
        "The disk is known where the policy limits it. OUT and IN are what passes the session's way out.",
    .positionals = kSessions,
    .options = kStatsOptions,
    .examples = kStatsExamples,
    .run = stats,
};

constexpr CommandSpec kTop = {
    .name = "top",
    .summary = "Watch what sessions use, on the full screen.",
    .description =
        "Up and down select a session; a attaches to it, l shows its output, p pauses it or lets it go on, x "
        "stops it after asking. s sorts by the next column, r turns the order, / filters, q leaves.",
    .options = kTopOptions,
    .examples = kTopExamples,
    .run = top,
};

}  // namespace brig::cli
