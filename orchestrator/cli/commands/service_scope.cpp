// brig service scope: who may see and call a service.
#include "cli/commands/services.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

std::string names_of(const json& scope, const char* one, const char* many, const std::string& before) {
  std::string out;
  auto add = [&](const json& name) {
    if (name.is_string()) out += (out.empty() ? "" : " ") + before + printable(name.get<std::string>());
  };
  if (one && scope.contains(one)) add(scope[one]);
  for (const auto& name : list_of(scope, many)) add(name);
  return out;
}

}  // namespace

Result<json> scope_of(const std::vector<std::string>& words) {
  json out = json::object();
  for (const auto& word : words) {
    if (word == "peer" || word == "mesh") {
      if (words.size() == 1) return json(word);
      return Error{Code::invalid, "--scope " + word + " stands alone: it says everything", "usage", false};
    }
    auto colon = word.find(':');
    auto kind = word.substr(0, colon);
    bool known = kind == "peer" || kind == "group" || kind == "role";
    if (!known || colon == word.npos || colon + 1 == word.size())
      return Error{
          Code::invalid,
          "the scope " + quoted(word) + " names nobody; write peer, mesh, peer:NAME, group:PATH or role:ROLE",
          "usage", false};
    out[kind + "s"].push_back(word.substr(colon + 1));
  }
  return out;
}

std::string scope_text(const json& scope) {
  if (scope.is_string()) return printable(scope.get<std::string>());
  if (!scope.is_object()) return {};
  std::string out;
  for (const auto& part :
       {names_of(scope, nullptr, "peers", "peer:"), names_of(scope, "group", "groups", "group:"),
        names_of(scope, "role", "roles", "role:")})
    if (!part.empty()) out += (out.empty() ? "" : " ") + part;
  return out;
}

namespace {

Result<int> scope(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  BRIG_TRY(auto path, service_path(context, arguments, words[0]));
  path += "/scope";
  json answer;
  if (words.size() == 1) {
    BRIG_TRY(Client * client, context.client());
    BRIG_TRY(answer, client->call("GET", path));
  } else {
    BRIG_TRY(auto wanted, scope_of({words.begin() + 1, words.end()}));
    BRIG_TRY(Client * client, context.client());
    BRIG_TRY(answer, client->call("PUT", path, json{{"scope", std::move(wanted)}}));
  }
  if (arguments.json())
    print_json(answer);
  else
    print(scope_text(answer.value("scope", json())) + "\n");
  return 0;
}

constexpr PositionalSpec kWords[] = {
    kServiceName,
    {.name = "SCOPE",
     .help = "peer, mesh, peer:NAME, group:PATH, role:ROLE; none: say what it is",
     .arity = Arity::any,
     .complete = kScopeWords}};
constexpr OptionSpec kOptions[] = {kServiceMesh, kJsonOption};
constexpr Example kExamples[] = {
    {"brig service scope ev --mesh acme", "who may see and call it, beside whoever deployed it"},
    {"brig service scope ev mesh --mesh acme", "everybody in the mesh"},
    {"brig service scope ev group:backend role:admin --mesh acme", "from now on these, and nobody else"}};

}  // namespace

constexpr CommandSpec kServiceScope = {.name = "scope",
                                       .summary = "Say, or change, who may see and call a service.",
                                       .description =
                                           "A service is its deployer's alone unless its scope names others. "
                                           "For whoever it does not name it does not "
                                           "exist. A peer in group a/b is in a, too.",
                                       .positionals = kWords,
                                       .options = kOptions,
                                       .examples = kExamples,
                                       .run = scope};

}  // namespace brig::cli
