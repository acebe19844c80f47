// What a client may ask, and of whom that is asked.
#include <algorithm>
#include <array>
#include <set>

#include "core/text.hpp"
#include "mcp/gateway/session.hpp"
#include "mcp/json.hpp"
#include "mcp/names.hpp"

namespace brig::mcp {
namespace {

using net::Task;

constexpr std::array<std::string_view, 8> kLevels = {"debug", "info",     "notice", "warning",
                                                     "error", "critical", "alert",  "emergency"};
constexpr std::size_t kMaxInstructions = 4'096;  // of one service among many
constexpr std::size_t kMaxSubscriptions = 256;   // of one session
constexpr std::size_t kMaxSubscribed = 8'192;    // bytes of a URI

// What belongs together on the way of one request.
struct Asking {
  const Sessions& all;
  SessionRef session;
  std::shared_ptr<InFlight> call;
  Deadline deadline;
};

Answer invalid(std::string_view message) {
  return Answer::error(kInvalidParams, message);
}

struct ListWords {
  std::string_view method, member, name, capability;
  Listing what;
};
constexpr ListWords kLists[] = {
    {"tools/list", "tools", "name", "tools", Listing::tools},
    {"prompts/list", "prompts", "name", "prompts", Listing::prompts},
    {"resources/list", "resources", "uri", "resources", Listing::resources},
    {"resources/templates/list", "resourceTemplates", "uriTemplate", "resources",
     Listing::resource_templates},
};

const ListWords* list_words(std::string_view method) {
  auto found =
      std::find_if(std::begin(kLists), std::end(kLists), [&](const auto& l) { return l.method == method; });
  return found == std::end(kLists) ? nullptr : found;
}

std::vector<std::string> services_of(Session& session) {
  if (session.is_of_one()) return {session.place.service};
  return session.backends->names();
}

// All in one page. Among many services one that fails leaves out its own.
Task<Answer> list(SessionRef session, const ListWords* words) {
  std::string out;
  for (const auto& service : services_of(*session)) {
    auto about = session->backends->about(service);
    if (!session->is_of_one() && (!about || !about->can(words->capability))) continue;
    auto items = co_await session->backends->list(service, words->what);
    if (!items && session->is_of_one()) co_return Answer::error(items.error());
    if (!items) continue;
    for (const auto& item : *items) {
      if (!out.empty()) out += ',';
      if (session->is_of_one()) {
        out += item.json;
        continue;
      }
      bool by_name = words->name == "name";
      auto name = by_name ? prefixed_name(service, item.name) : prefixed_uri(service, item.name);
      out += json::with_member(item.json, words->name, json::literal(name));
    }
    if (out.size() > kMaxLine) {
      co_return Answer::error(kServerError, "the services of this mesh have more " +
                                                std::string(words->member) +
                                                " than fit into one answer; connect to one of them alone");
    }
  }
  co_return Answer::result("{\"" + std::string(words->member) + "\":[" + out + "]}");
}

// One service answers; what it says on the way goes to the request's own stream.
Task<Answer> ask_one(Asking asking, std::string service, std::string method, std::string params) {
  asking.call->service = service;
  Call call;
  call.method = std::move(method);
  call.deadline = asking.deadline;
  auto meta = params.empty() ? std::nullopt : json::find(params, "_meta");
  if (meta && json::find(*meta, "progressToken")) {
    call.on_progress = [stream = asking.call->stream](std::string progress) {
      stream->push(write_notification("notifications/progress", progress));
    };
  }
  call.params = std::move(params);
  auto answered = co_await asking.session->backends->request(std::move(service), std::move(call));
  co_return answered ? std::move(*answered) : Answer::error(answered.error());
}

// tools/call, prompts/get
Task<Answer> by_name(Asking asking, Message message) {
  auto& session = *asking.session;
  auto name = json::find_text(message.body, "name");
  if (!name) co_return invalid("'name' is missing; give the name of a tool or prompt as it is listed");
  if (session.is_of_one()) {
    co_return co_await ask_one(asking, session.place.service, message.method, message.body);
  }
  auto named = split_name(*name);
  if (!named || !session.sees(session.place.mesh, named->service)) {
    co_return invalid("there is no " + quoted(*name) + "; names are listed as SERVICE__NAME");
  }
  auto params = json::with_member(message.body, "name", json::literal(named->name));
  co_return co_await ask_one(asking, named->service, message.method, std::move(params));
}

// Whose resource this is. Results name resources as their own service does, so that is understood too, where
// it is clear.
Task<std::optional<Named>> find_uri(SessionRef session, std::string uri) {
  if (session->is_of_one()) co_return Named{session->place.service, uri};
  if (auto named = split_uri(uri)) {
    if (!session->sees(session->place.mesh, named->service)) co_return std::nullopt;
    co_return named;
  }
  std::vector<std::string> having, listing;
  for (const auto& service : session->backends->names()) {
    auto about = session->backends->about(service);
    if (!about || !about->can("resources")) continue;
    having.push_back(service);
    auto items = co_await session->backends->list(service, Listing::resources);
    if (!items) continue;
    bool listed =
        std::any_of(items->begin(), items->end(), [&](const auto& item) { return item.name == uri; });
    if (listed) listing.push_back(service);
  }
  if (listing.size() == 1) co_return Named{listing[0], uri};
  if (listing.empty() && having.size() == 1) co_return Named{having[0], uri};
  co_return std::nullopt;
}

// resources/read, resources/subscribe, resources/unsubscribe
Task<Answer> by_uri(Asking asking, Message message) {
  auto& session = *asking.session;
  auto uri = json::find_text(message.body, "uri");
  if (!uri) co_return invalid("'uri' is missing; give the URI of a resource as it is listed");
  auto found = co_await find_uri(asking.session, *uri);
  if (!found) {
    co_return invalid("it is not clear whose resource " + quoted(*uri) + " is; name it brig://SERVICE/" +
                      *uri);
  }
  std::pair what{found->service, found->name};
  auto params = json::with_member(message.body, "uri", json::literal(found->name));
  if (message.method == "resources/unsubscribe") {
    // The server knows one subscriber, who stands for all.
    session.subscriptions.erase(what);
    if (is_subscribed(asking.all, session.place.mesh, what)) co_return Answer::result("{}");
  }
  if (message.method == "resources/subscribe" && !session.subscriptions.contains(what) &&
      (session.subscriptions.size() >= kMaxSubscriptions || found->name.size() > kMaxSubscribed)) {
    co_return invalid("a session may subscribe to 256 resources, of URIs of at most 8192 bytes");
  }
  // Before the answer is here: what follows on its heels is for the subscriber, too.
  bool fresh =
      message.method == "resources/subscribe" && !session.ended && session.subscriptions.insert(what).second;
  auto answered = co_await ask_one(asking, found->service, message.method, std::move(params));
  if (fresh && answered.is_error) session.subscriptions.erase(what);
  co_return answered;
}

Task<Answer> complete(Asking asking, Message message) {
  auto& session = *asking.session;
  if (session.is_of_one()) {
    co_return co_await ask_one(asking, session.place.service, message.method, message.body);
  }
  auto ref = json::find(message.body, "ref");
  if (!ref || !json::members(*ref)) co_return invalid("'ref' is missing, or names something twice");
  auto type = json::find_text(*ref, "type").value_or("");
  std::string_view key = type == "ref/prompt" ? "name" : type == "ref/resource" ? "uri" : "";
  if (key.empty()) co_return invalid("'ref' is neither a ref/prompt nor a ref/resource");
  auto name = json::find_text(*ref, key).value_or("");
  auto named = key == "name" ? split_name(name) : split_uri(name);
  if (!named || !session.sees(session.place.mesh, named->service)) {
    co_return invalid("there is no " + quoted(name) + "; give it as it is listed");
  }
  auto inner = json::with_member(*ref, key, json::literal(named->name));
  auto params = json::with_member(message.body, "ref", inner);
  co_return co_await ask_one(asking, named->service, message.method, std::move(params));
}

// What a server has to say for the one who wants most of it to hear everything.
std::string level_for(const Sessions& all, const std::string& mesh, const std::string& service) {
  std::string out;
  for (const auto& [id, session] : all) {
    if (session->level.empty() || !session->sees(mesh, service)) continue;
    if (out.empty() || gravity(session->level) < gravity(out)) out = session->level;
  }
  return out;
}

Task<Answer> set_level(Asking asking, Message message) {
  auto& session = *asking.session;
  auto level = json::find_text(message.body, "level").value_or("");
  if (gravity(level) < 0)
    co_return invalid("'level' is none of debug, info, notice, warning, error, critical, alert, emergency");
  session.level = level;
  for (const auto& service : services_of(session)) {
    auto about = session.backends->about(service);
    if (!about || !about->can("logging")) continue;
    auto wanted = level_for(asking.all, session.place.mesh, service);
    auto params = json::with_member("{}", "level", json::literal(wanted));
    auto answered = co_await ask_one(asking, service, message.method, params);
    if (answered.is_error && session.is_of_one()) co_return answered;
  }
  co_return Answer::result("{}");
}

std::string instructions_of(Session& session) {
  std::string out =
      "Tools and prompts are named SERVICE__NAME after the service that has them, resources "
      "brig://SERVICE/URI.";
  for (const auto& service : session.backends->names()) {
    auto about = session.backends->about(service);
    if (!about) continue;
    auto said = json::text(about->instructions);
    if (!said || said->empty() || said->size() > kMaxInstructions) continue;
    out += "\n\n" + service + ":\n" + *said;
  }
  return json::literal(out);
}

}  // namespace

int gravity(std::string_view level) {
  auto found = std::find(kLevels.begin(), kLevels.end(), level);
  return found == kLevels.end() ? -1 : static_cast<int>(found - kLevels.begin());
}

Answer greeting(Session& session) {
  std::string out = R"({"protocolVersion":)" + json::literal(session.version);
  if (!session.is_of_one()) {
    out += R"(,"capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":true},)"
           R"("resources":{"listChanged":true,"subscribe":true},"logging":{},"completions":{}})"
           R"(,"serverInfo":{"name":"brig","title":)" +
           json::literal(session.place.mesh) + R"(,"version":)" + json::literal(BRIG_VERSION) +
           R"(},"instructions":)" + instructions_of(session) + "}";
    return Answer::result(std::move(out));
  }
  auto about = session.backends->about(session.place.service);
  if (!about) {
    return Answer::error(
        kServerError, "service " + quoted(session.place.service) + " does not run; see its state and logs");
  }
  // Tasks outlive the request they began with, and nothing says whose they are.
  out += R"(,"capabilities":)" + json::without_member(about->capabilities, "tasks") + R"(,"serverInfo":)" +
         about->server_info;
  if (!about->instructions.empty()) out += R"(,"instructions":)" + about->instructions;
  return Answer::result(out + "}");
}

Task<Answer> answer(const Sessions& all, SessionRef session, Message message, std::shared_ptr<InFlight> call,
                    Deadline deadline) {
  if (message.body.empty()) message.body = "{}";
  Asking asking{all, session, std::move(call), deadline};
  const auto& method = message.method;
  if (method == "ping") co_return Answer::result("{}");
  if (const auto* words = list_words(method)) co_return co_await list(session, words);
  if (method == "tools/call" || method == "prompts/get") co_return co_await by_name(asking, message);
  if (method == "resources/read" || method == "resources/subscribe" || method == "resources/unsubscribe") {
    co_return co_await by_uri(asking, message);
  }
  if (method == "completion/complete") co_return co_await complete(asking, message);
  if (method == "logging/setLevel") co_return co_await set_level(asking, message);
  // What is not known cannot be judged.
  co_return Answer::error(kMethodNotFound, "the gateway does not know the method " + quoted(method));
}

}  // namespace brig::mcp
