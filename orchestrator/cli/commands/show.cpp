#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/session_text.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

std::string since(const std::string& time) {
  if (time.empty()) return {};
  auto ago = age(time);
  return ago.empty() ? time : time + " (" + ago + " ago)";
}

std::string words(const nlohmann::json& list) {
  std::string out;
  for (const auto& word : list) {
    if (word.is_string()) out += (out.empty() ? "" : ", ") + word.get<std::string>();
  }
  return out;
}

std::string labels_text(const nlohmann::json& session) {
  auto labels = session.find("labels");
  if (labels == session.end() || !labels->is_object()) return {};
  std::string out;
  for (const auto& [key, value] : labels->items())
    out += (out.empty() ? "" : ", ") + key + "=" + (value.is_string() ? value.get<std::string>() : "");
  return out;
}

std::string volume_text(const nlohmann::json& mount) {
  bool fixed = mount.is_object() && mount.value("read_only", nlohmann::json(false)) == true;
  return text_of(mount, "volume") + " at " + text_of(mount, "path") + (fixed ? ", read-only" : "");
}

std::string session_text(const nlohmann::json& session, const Style& style) {
  std::string out;
  auto say = [&](const char* name, const char* key) { add_fact(out, style, name, text_of(session, key)); };
  say("name", "name");
  say("id", "id");
  add_fact(out, style, "state", state_text(session));
  say("reason", "reason");
  if (auto outcome = session.find("outcome"); outcome != session.end() && outcome->is_object())
    add_fact(out, style, "limits hit", words(list_of(*outcome, "limits")));
  say("owner", "owner");
  say("mesh", "mesh");
  say("provider", "provider");
  say("image", "image");
  say("profile", "profile");
  say("runtime", "runtime");
  say("policy", "policy_hash");
  say("project", "project");
  say("cloned from", "source");
  for (const auto& mount : list_of(session, "volumes")) add_fact(out, style, "volume", volume_text(mount));
  say("container", "container");
  add_fact(out, style, "labels", labels_text(session));
  add_fact(out, style, "created", since(text_of(session, "created")));
  add_fact(out, style, "started", since(text_of(session, "started")));
  add_fact(out, style, "ended", since(text_of(session, "ended")));
  for (const auto& credential : list_of(session, "credentials"))
    add_fact(out, style, "credential", credential_text(credential));
  say("expires", "expires");
  if (auto idle = session.find("idle_ms"); idle != session.end() && idle->is_number_integer())
    add_fact(out, style, "idle",
             "ended after " + format_duration(Millis{idle->get<std::int64_t>()}) + " without work");
  return out;
}

Result<int> show(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto session, client->call("GET", session_path(arguments.positionals()[0])));
  if (arguments.json()) {
    print_json(session);
    return 0;
  }
  print(session_text(session, context.out()) + "\n");
  print(process_table(session, true).text(context.out()));
  return 0;
}

constexpr PositionalSpec kSession[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
};
constexpr OptionSpec kOptions[] = {kJsonOption};
constexpr Example kExamples[] = {
    {"brig show fix", "everything about one session and its processes"},
    {"brig show fix --json | jq .outcome", "how it ended, for scripts"},
};

}  // namespace

constexpr CommandSpec kShow = {
    .name = "show",
    .summary = "Show everything about one session, also when it has ended.",
    .positionals = kSession,
    .options = kOptions,
    .examples = kExamples,
    .run = show,
};

}  // namespace brig::cli
