#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "api/json/reader.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

using egress::Scope;
using egress::Verb;
using nlohmann::json;

constexpr std::size_t kMaxRule = 1100;
constexpr std::uint64_t kMaxLast = 10'000;
constexpr std::uint64_t kUsualLast = 50;

// The session, if it is the caller's to see.
net::Task<Result<session::View>> find(Context* context, Request* request) {
  co_return co_await context->services.sessions.get(*request->caller, request->path["ref"]);
}

// What a sandbox of a mesh may reach is in the mesh's audit before it changes.
net::Task<Result<void>> tell(Context* context, const Request* request, const session::View* session,
                             const char* event, json payload) {
  payload["session"] = session->id.str();
  audit::Deed deed{session->mesh, event, request->caller->owner, dumped(payload)};
  co_return co_await context->services.audit.add(std::move(deed));
}

template <class Value, std::size_t N>
std::optional<Value> word(Object& top, std::string_view key,
                          const std::pair<std::string_view, Value> (&known)[N],
                          std::optional<Value> standard) {
  auto text = top.text(key, {.required = !standard, .max = 16});
  if (!text) return standard;
  std::vector<std::string_view> words;
  for (const auto& [name, value] : known) {
    if (name == *text) return value;
    words.push_back(name);
  }
  top.fail(key, std::string(key) + " " + brig::quoted(*text) + " is unknown" + did_you_mean(*text, words));
  return standard;
}

constexpr std::pair<std::string_view, Verb> kVerbs[] = {{"allow", Verb::allow}, {"deny", Verb::deny}};
constexpr std::pair<std::string_view, Scope> kScopes[] = {
    {"once", Scope::once}, {"session", Scope::session}, {"always", Scope::always}};
constexpr std::pair<std::string_view, bool> kAnswers[] = {{"yes", true}, {"no", false}};

json encode(const egress::Question& q, const std::string& name) {
  auto remedy = egress::decide({}, q.target).remedy;
  return {{"number", q.number},
          {"target", egress::to_string(q.target.host, q.target.port)},
          {"rule", remedy},
          {"process", printable(q.process, 64)},
          {"pid", q.pid},
          {"since", format_time(q.since)},
          {"connections", q.waiting},
          {"command", egress::allow_command(name, remedy)}};
}

json encode(const egress::OpenConnection& c) {
  json out{{"number", c.number},    {"host", egress::to_string(c.target.host)},
           {"port", c.target.port}, {"process", printable(c.process, 64)},
           {"pid", c.pid},          {"rule", c.rule},
           {"from", c.from},        {"since", format_time(c.since)},
           {"sent", c.sent},        {"received", c.received}};
  if (!c.address.empty()) out["address"] = c.address;
  return out;
}

json encode(const egress::DoorView& view, const std::string& name) {
  json out{{"open", view.open},
           {"ask", view.ask},
           {"rules", json::array()},
           {"questions", json::array()},
           {"connections", json::array()},
           {"counts",
            {{"allowed", view.counts.allowed},
             {"denied", view.counts.denied},
             {"failed", view.counts.failed},
             {"sent", view.counts.sent},
             {"received", view.counts.received}}}};
  for (const auto& rule : view.rules)
    out["rules"].push_back({{"verb", rule.verb}, {"rule", rule.rule}, {"from", rule.from}});
  if (view.bound) {
    out["bound"] = json::array();
    for (const auto& rule : *view.bound) out["bound"].push_back(egress::to_string(rule, Verb::allow));
  }
  for (const auto& [rule, placeholder] : view.credentials) {
    auto one = egress::to_json(rule);
    one["placeholder"] = placeholder;
    out["credentials"].push_back(std::move(one));
  }
  for (const auto& q : view.questions) out["questions"].push_back(encode(q, name));
  for (const auto& c : view.connections) out["connections"].push_back(encode(c));
  return out;
}

json encode(const egress::Decision& decision, const std::string& name) {
  using Verdict = egress::Decision::Verdict;
  json out{{"verdict", decision.verdict == Verdict::allowed  ? "allowed"
                       : decision.verdict == Verdict::denied ? "denied"
                                                             : "ask"}};
  if (!decision.rule.empty()) out["rule"] = decision.rule;
  if (!decision.from.empty()) out["from"] = decision.from;
  if (!decision.why.empty()) out["why"] = decision.why;
  if (!decision.remedy.empty()) out["command"] = egress::allow_command(name, decision.remedy);
  if (decision.verdict == Verdict::allowed) out["any_protocol"] = decision.tcp;
  return out;
}

Response nothing() {
  Response out;
  out.status = 204;
  return out;
}

net::Task<Result<void>> write_lines(std::vector<std::string> lines,
                                    std::shared_ptr<egress::Audit::Follower> follower, Sink* sink) {
  for (auto& line : lines) {
    line += '\n';
    BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(line))));
  }
  while (follower) {
    auto line = co_await follower->next();
    if (!line) break;
    *line += '\n';
    BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(*line))));
  }
  co_return Result<void>();
}

}  // namespace

net::Task<Response> get_egress(Context* context, Request* request) {
  auto session = co_await find(context, request);
  if (!session) co_return problem(session.error(), request->id);
  auto view = co_await context->services.egress.show(session->id);
  if (!view) co_return problem(view.error(), request->id);
  co_return json_response(200, encode(*view, session->name));
}

net::Task<Response> change_egress(Context* context, Request* request) {
  Body body(request->body);
  auto top = body.object();
  auto verb = word<Verb>(top, "verb", kVerbs, std::nullopt);
  auto rule = top.text("rule", {.required = true, .max = kMaxRule}).value_or("");
  auto scope = word<Scope>(top, "scope", kScopes, Scope::session);
  top.finish();
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto session = co_await find(context, request);
  if (!session) co_return problem(session.error(), request->id);
  json what{{"verb", *verb == Verb::allow ? "allow" : "deny"}, {"rule", printable(rule, kMaxRule)}};
  if (auto told = co_await tell(context, request, &*session, "egress.rule", std::move(what)); !told)
    co_return problem(told.error(), request->id);
  auto changed = co_await context->services.egress.change(session->id, *verb, rule, *scope);
  if (!changed) co_return problem(changed.error(), request->id);
  co_return json_response(200, {{"rule", *changed}});
}

net::Task<Response> forget_egress(Context* context, Request* request) {
  const auto* rule = request->parameter("rule");
  if (!rule)
    co_return problem(
        Failure{Error{Code::invalid, "the rule to forget is missing: ?rule=api.example.com", "query", false},
                0,
                "rule",
                {}},
        request->id);
  auto session = co_await find(context, request);
  if (!session) co_return problem(session.error(), request->id);
  json what{{"verb", "forget"}, {"rule", printable(*rule, kMaxRule)}};
  if (auto told = co_await tell(context, request, &*session, "egress.rule", std::move(what)); !told)
    co_return problem(told.error(), request->id);
  auto forgotten = co_await context->services.egress.forget(session->id, *rule);
  if (!forgotten) co_return problem(forgotten.error(), request->id);
  co_return nothing();
}

net::Task<Response> answer_egress(Context* context, Request* request) {
  Body body(request->body);
  auto top = body.object();
  auto question = top.number("question", 1, UINT32_MAX, true).value_or(0);
  auto yes = word<bool>(top, "answer", kAnswers, std::nullopt);
  auto scope = word<Scope>(top, "scope", kScopes, Scope::once);
  top.finish();
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto session = co_await find(context, request);
  if (!session) co_return problem(session.error(), request->id);
  json what{{"question", question}, {"answer", *yes ? "yes" : "no"}};
  if (auto told = co_await tell(context, request, &*session, "egress.answer", std::move(what)); !told)
    co_return problem(told.error(), request->id);
  auto answered = co_await context->services.egress.answer(session->id, question, *yes, *scope);
  if (!answered) co_return problem(answered.error(), request->id);
  co_return nothing();
}

net::Task<Response> test_egress(Context* context, Request* request) {
  const auto* target = request->parameter("target");
  if (!target)
    co_return problem(
        Failure{Error{Code::invalid, "the target to test is missing: ?target=api.example.com:443", "query",
                      false},
                0,
                "target",
                {}},
        request->id);
  auto session = co_await find(context, request);
  if (!session) co_return problem(session.error(), request->id);
  auto tried = co_await context->services.egress.test(session->id, *target);
  if (!tried) co_return problem(tried.error(), request->id);
  json out{{"target", egress::to_string(tried->target.host, tried->target.port)},
           {"name", encode(tried->decision, session->name)},
           {"addresses", json::array()}};
  for (const auto& [address, decision] : tried->addresses) {
    auto entry = encode(decision, session->name);
    entry["address"] = egress::to_string(address);
    out["addresses"].push_back(std::move(entry));
  }
  if (!tried->failure.empty()) out["failure"] = tried->failure;
  co_return json_response(200, out);
}

net::Task<Response> get_egress_log(Context* context, Request* request) {
  std::optional<Failure> failure;
  bool follow = query_flag(*request, "follow", failure);
  auto last = query_number(*request, "last", 0, kMaxLast, failure).value_or(kUsualLast);
  if (failure) co_return problem(*failure, request->id);
  auto session = co_await find(context, request);
  if (!session) co_return problem(session.error(), request->id);
  auto follower = follow ? context->services.egress.follow(session->id) : nullptr;
  auto lines = context->services.egress.account(session->id, last);
  if (!lines) co_return problem(lines.error(), request->id);
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [lines = std::move(*lines), follower](Sink* sink) {
    return write_lines(lines, follower, sink);
  };
  co_return out;
}

}  // namespace brig::api
