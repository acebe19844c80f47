// What services ask and tell, and whom.
#include <algorithm>
#include <set>

#include "core/text.hpp"
#include "mcp/gateway/gateway.hpp"
#include "mcp/gateway/session.hpp"
#include "mcp/json.hpp"
#include "mcp/names.hpp"

namespace brig::mcp {
namespace {

using net::Task;

std::string_view capability_for(std::string_view method) {
  if (method == "sampling/createMessage") return "sampling";
  if (method == "elicitation/create") return "elicitation";
  if (method == "roots/list") return "roots";
  return {};
}

bool can(const Session& session, std::string_view capability) {
  auto found = json::find(session.capabilities, capability);
  return found && json::type_of(*found) == json::Type::object;
}

struct Chosen {
  SessionRef session;
  std::shared_ptr<EventStream> stream;
};

std::variant<Chosen, std::string> choose(const Sessions& sessions, const std::string& mesh,
                                         const std::string& service, std::string_view capability,
                                         std::size_t in_flight) {
  std::vector<SessionRef> calling, seeing;
  std::set<std::string> callers, onlookers;
  std::size_t ours = 0;
  for (const auto& [id, session] : sessions) {
    if (!session->sees(mesh, service)) continue;
    auto calls = session->calls_on(service);
    ours += calls.size();
    onlookers.insert(session->owner);
    seeing.push_back(session);
    if (calls.empty()) continue;
    callers.insert(session->owner);
    calling.push_back(session);
  }
  const auto& owners = in_flight > 0 ? callers : onlookers;
  if (in_flight > ours || owners.size() > 1)
    return "several have calls in flight, and it is not clear for whom this is";
  auto& from = in_flight > 0 ? calling : seeing;
  from.erase(std::remove_if(from.begin(), from.end(), [&](const auto& s) { return !can(*s, capability); }),
             from.end());
  if (from.empty()) return "no client is connected that offers " + std::string(capability);
  auto newest = *std::max_element(from.begin(), from.end(),
                                  [](const auto& a, const auto& b) { return a->used < b->used; });
  auto calls = newest->calls_on(service);
  return Chosen{newest, calls.empty() ? newest->listening : calls.back()->stream};
}

// A notification as this session may hear it; none: not at all.
std::optional<std::string> heard(Session& session, const std::string& service, const std::string& method,
                                 const std::string& params) {
  if (method == "notifications/message") {
    auto level = json::find_text(params, "level").value_or("");
    if (!session.level.empty() && gravity(level) < gravity(session.level)) return std::nullopt;
  } else if (method == "notifications/resources/updated") {
    auto uri = json::find_text(params, "uri").value_or("");
    if (!session.subscriptions.contains({service, uri})) return std::nullopt;
    if (session.is_of_one()) return params;
    return json::with_member(params, "uri", json::literal(prefixed_uri(service, uri)));
  }
  return params;
}

}  // namespace

Task<Answer> Gateway::ask(std::string mesh, std::string service, std::string method, std::string params,
                          std::size_t in_flight) {
  auto capability = capability_for(method);
  if (capability.empty()) co_return Answer::error(kMethodNotFound, "no client knows " + quoted(method));
  auto choice = choose(sessions_, mesh, service, capability, in_flight);
  if (auto* why = std::get_if<std::string>(&choice)) co_return Answer::error(kServerError, *why);
  auto [session, stream] = std::get<Chosen>(std::move(choice));
  // Twice: as what is asked, and as the event that asks it.
  if (!make_room(*session, 2 * params.size())) {
    co_return Answer::error(
        kServerError, "the client has no room for a question of " + std::to_string(params.size()) + " bytes");
  }
  auto ask = std::make_shared<mcp::Ask>(executor_, session->budget, params.size());
  auto number = session->next_ask++;
  auto own = std::to_string(number);
  ask->service = service;
  auto meta = params.empty() ? std::nullopt : json::find(params, "_meta");
  if (auto token = meta ? json::find(*meta, "progressToken") : std::nullopt) {
    ask->token = *token;
    params = json::with_member(params, "_meta", json::with_member(*meta, "progressToken", own));
  }
  if (!stream->push(write_request(own, method, params)))
    co_return Answer::error(kServerError, "the client has no room for another question");
  session->asks.emplace(number, ask);
  struct Leave {
    SessionRef session;
    std::shared_ptr<EventStream> stream;
    std::shared_ptr<mcp::Ask> ask;
    std::uint64_t number;
    ~Leave() {
      session->asks.erase(number);
      if (ask->answer) return;
      stream->push(
          write_notification("notifications/cancelled", R"({"requestId":)" + std::to_string(number) + "}"));
    }
  } leave{session, stream, ask, number};
  auto deadline = Deadline::in(options_.ask_within);
  while (!ask->answer) {
    bool told = co_await ask->changed.wait_until(deadline);
    // Not told before the deadline: cancelled, and the next wait unwinds.
    if (!told && !ask->answer && deadline.passed()) {
      co_return Answer::error(kServerError, "the client did not answer in time");
    }
  }
  co_return *ask->answer;
}

void Gateway::tell(const std::string& mesh, const std::string& service, const std::string& method,
                   const std::string& params) {
  for (auto& [id, session] : sessions_) {
    if (!session->sees(mesh, service)) continue;
    auto said = heard(*session, service, method, params);
    if (!said) continue;
    // Beside the call it is about, if that is clear.
    auto calls = session->calls_on(service);
    bool about_call = method == "notifications/message" && calls.size() == 1;
    auto& stream = about_call ? *calls[0]->stream : *session->listening;
    stream.push(write_notification(method, *said));
  }
}

void Gateway::changed(const std::string& mesh, const std::string& service) {
  for (auto& [id, session] : sessions_) {
    if (session->place.mesh != mesh || (session->is_of_one() && session->place.service != service)) continue;
    for (auto what : {"tools", "prompts", "resources"}) {
      session->listening->push(
          write_notification("notifications/" + std::string(what) + "/list_changed", {}));
    }
  }
}

}  // namespace brig::mcp
