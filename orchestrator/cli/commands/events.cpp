#include <sys/poll.h>

#include "cli/attach/resume.hpp"
#include "cli/client/sse.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

Colour colour_of(std::string_view kind) {
  if (kind == "gap" || kind == "events.lost" || kind.ends_with(".denied")) return Colour::red;
  if (kind == "session.running" || kind.ends_with(".created")) return Colour::green;
  if (kind == "session.ended" || kind.ends_with(".removed")) return Colour::dim;
  return Colour::yellow;
}

// What is worth a place on the line, of any kind's detail.
std::string detail_text(const nlohmann::json& detail) {
  if (!detail.is_object()) return {};
  std::string out;
  for (const auto& [key, value] : detail.items()) {
    if (key == "name" || key == "from") continue;
    std::string text;
    if (key == "outcome") {
      text = outcome_text(value);
    } else if (value.is_string()) {
      text = value.get<std::string>();
    } else {
      text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    out += (out.empty() ? "" : "  ") + printable(key, 64) + "=" + printable(text, 200);
  }
  return out;
}

void print_event(const Style& style, const SseReader::Message& message) {
  auto data = nlohmann::json::parse(message.data, nullptr, false);
  if (message.event == "gap") {
    auto number = [&](const char* key) {
      return data.is_object() && data.contains(key) && data[key].is_number_unsigned()
                 ? data[key].get<std::uint64_t>()
                 : 0;
    };
    print(style.paint(Colour::red, "events " + std::to_string(number("from")) + " to " +
                                       std::to_string(number("to")) + " are no longer kept") +
          "\n");
    return;
  }
  std::string kind = printable(text_of(data, "kind"), 64);
  std::string who = data.is_object() && data.contains("detail") ? text_of(data["detail"], "name") : "";
  if (who.empty()) who = text_of(data, "session");
  std::string line =
      style.paint(Colour::dim, printable(text_of(data, "at"), 32)) + "  " +
      style.paint(colour_of(kind), kind + std::string(kind.size() < 18 ? 18 - kind.size() : 0, ' '));
  if (!who.empty()) line += "  " + style.paint(Colour::bold, printable(who, 64));
  if (data.is_object() && data.contains("detail")) {
    auto text = detail_text(data["detail"]);
    if (!text.empty()) line += "  " + text;
  }
  print(line + "\n");
}

std::string query_of(const Arguments& arguments) {
  std::string query;
  for (const char* key : {"session", "kind", "mesh"}) {
    if (auto value = arguments.get(key)) query += std::string("&") + key + "=" + percent_encode(*value);
  }
  if (!arguments.has("follow")) query += "&once=1";
  return query;
}

Result<int> events(Context& context, const Arguments& arguments) {
  auto query = query_of(arguments);
  BRIG_TRY(auto since, arguments.number("since", ~std::uint64_t{0}));
  BRIG_TRY(Client * client, context.client());
  bool json = arguments.json();
  auto show = [&](const SseReader::Message& message) {
    if (!json) {
      print_event(context.out(), message);
    } else if (message.event == "gap") {
      print("{\"gap\":" + message.data + "}\n");
    } else {
      print(message.data + "\n");
    }
    return flush_output().ok();
  };
  Reconnect reconnect(reconnect_limit(context.environment()));
  std::string position = since ? std::to_string(*since) : "";
  while (true) {
    SseReader reader(show);
    Result<bool> more = true;
    auto take = [&](std::string_view part) {
      reconnect.connected();
      more = reader.feed(part);
      return more && *more;
    };
    std::string asked = (position.empty() ? "" : "&since=" + position) + query;
    if (!asked.empty()) asked[0] = '?';
    auto path = "/v1/events" + asked;
    auto done = client->stream("GET", path, nullptr, take);
    if (!reader.last_id().empty()) position = reader.last_id();
    BRIG_CHECK(more);
    if (!*more || (done && !arguments.has("follow"))) return 0;  // nobody reads, or that was all
    Error why = done ? Error{Code::unavailable, "brigd ended the stream", "client", true} : done.error();
    if (!arguments.has("follow") || why.code != Code::unavailable) return why;
    auto step = reconnect.failed(std::chrono::steady_clock::now());
    if (step.give_up) return why;
    if (step.note) say_error("the connection to brigd is lost; trying again…");
    ::poll(nullptr, 0, static_cast<int>(step.wait.count()) + 1);
  }
}

constexpr OptionSpec kOptions[] = {
    {.flags = "-f,--follow", .help = "go on with what happens from now on"},
    {.flags = "--since",
     .value = "N",
     .help = "only events beyond number N; with --follow, 0 begins with all that is kept"},
    {.flags = "--session",
     .value = "SESSION",
     .help = "of this session: its name, or its id also when it is gone",
     .complete = "session"},
    {.flags = "--kind", .value = "KIND", .help = "session.ended, or session for all that begin with it"},
    {.flags = "--mesh", .value = "MESH", .help = "of this mesh"},
    {.flags = "--json", .help = "a line of JSON per event"},
};
constexpr Example kExamples[] = {
    {"brig events", "what happened, as far back as it is kept"},
    {"brig events -f --kind session", "sessions as they come and go"},
    {"brig events --session fix --json", "the life of one session, for scripts"},
};

}  // namespace

constexpr CommandSpec kEvents = {
    .name = "events",
    .summary = "Show what happened: sessions, processes, tokens.",
    .description =
        "Events are numbered; --since goes on where another look ended. A lost connection to brigd is made "
        "again and misses nothing; what was no longer kept by then is said.",
    .options = kOptions,
    .examples = kExamples,
    .run = events,
};

}  // namespace brig::cli
