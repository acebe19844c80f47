#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/services.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

constexpr std::string_view kRoles[] = {"viewer", "user", "admin"};
constexpr std::string_view kPeerRoles[] = {"member", "admin", "owner"};

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "usage", false};
}

Result<void> check_role(const std::string& role, bool peer) {
  std::span<const std::string_view> known = kRoles;
  if (peer) known = kPeerRoles;
  if (std::find(known.begin(), known.end(), role) != known.end()) return {};
  return Error{Code::invalid,
               "--role " + quoted(role) + " is not known" + did_you_mean(role, known) + "; " +
                   (peer ? "a peer is a member, an admin or an owner of its mesh"
                         : "there are viewer, user and admin, and for a --peer member, admin and owner"),
               "cli", false};
}

Result<nlohmann::json> token_of(const Context& context, const Arguments& arguments) {
  auto role = arguments.get("role");
  bool peer = arguments.has("peer");
  if (!peer && (!arguments.has("label") || !role))
    return refuse(
        "'brig token create' needs --label and --role, as in: brig token create --label ci --role user; or "
        "--mesh and --peer");
  if (!peer && arguments.has("group")) return refuse("--group goes with --peer only");
  if (role) {
    BRIG_CHECK(check_role(*role, peer));
  }
  nlohmann::json body = nlohmann::json::object();
  for (const char* name : {"label", "role", "owner", "mesh", "peer"})
    if (auto value = arguments.get(name)) body[name] = *value;
  if (peer) {
    BRIG_TRY(body["mesh"], mesh_of(context, arguments));
  }
  if (auto groups = arguments.all("group"); !groups.empty()) body["groups"] = groups;
  return body;
}

Result<int> create(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto body, token_of(context, arguments));
  BRIG_TRY(auto ttl, arguments.duration("ttl"));
  if (ttl) body["expires_in"] = arguments.get("ttl", "");
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("POST", "/v1/tokens", body));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  auto token = answer.find("token");
  std::string expires = token == answer.end() ? "" : text_of(*token, "expires");
  say_error("this is shown once; give it to brig as BRIG_TOKEN or in ~/.config/brig/token. It holds " +
            (expires.empty() ? std::string("until it is revoked") : "until " + printable(expires)));
  print(printable(text_of(answer, "secret")) + "\n");
  return 0;
}

std::string groups_of(const nlohmann::json& token) {
  std::string out;
  for (const auto& group : list_of(token, "groups"))
    if (group.is_string()) out += (out.empty() ? "" : ", ") + printable(group.get<std::string>());
  return out;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/tokens"));
  const auto& tokens = list_of(answer, "tokens");
  if (arguments.json()) {
    print_json(tokens);
    return 0;
  }
  Table table({"ID", "LABEL", "ROLE", "OWNER", "MESH", "GROUPS", "AGE", "LAST USED", "STATE"});
  for (const auto& token : tokens) {
    std::string used = age(text_of(token, "last_used"));
    bool revoked = !text_of(token, "revoked").empty();
    std::string expires = text_of(token, "expires");
    table.add({{text_of(token, "id"), Colour::bold},
               text_of(token, "label"),
               text_of(token, "role"),
               text_of(token, "owner"),
               text_of(token, "mesh"),
               groups_of(token),
               age(text_of(token, "created")),
               used.empty() ? "never" : used + " ago",
               revoked ? Table::Cell("revoked", Colour::dim)
                       : Table::Cell(expires.empty() ? "holds" : "until " + expires, Colour::green)});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> revoke(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& id : arguments.positionals()) {
    BRIG_TRY(auto nothing, client->call("DELETE", "/v1/tokens/" + percent_encode(id)));
    if (!arguments.json()) print(printable(id) + "\n");
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kCreateOptions[] = {
    {.flags = "--label", .value = "LABEL", .help = "what it is for"},
    {.flags = "--role",
     .value = "ROLE",
     .help =
         "viewer, user or admin of this host; of a peer, in its mesh: member (the default), admin or owner",
     .complete = "viewer|user|admin|member|owner"},
    {.flags = "--peer",
     .value = "PEER",
     .help = "whose it is in the mesh: services may be for some peers alone"},
    {.flags = "--group",
     .value = "GROUP",
     .help = "a group the peer is in; who is in a/b is in a, too",
     .many = true},
    {.flags = "--owner",
     .value = "OWNER",
     .help =
         "whose sessions it sees and makes, such as uid:1000 or alice (default: its own); not with --peer"},
    {.flags = "--mesh", .value = "MESH", .help = "confine it to this mesh (a tenant); not for admins"},
    {.flags = "--ttl",
     .value = "DURATION",
     .help = "how long it holds, such as 30d (default: until revoked)"},
    kJsonOption,
};
constexpr PositionalSpec kIds[] = {{.name = "ID", .help = "ids of tokens", .arity = Arity::some}};
constexpr Example kCreateExamples[] = {
    {"brig token create --label ci --role user --ttl 30d", "prints the secret, this once"},
    {"brig token create --label broker --role user --mesh acme --owner broker", "for one tenant alone"},
    {"brig token create --mesh acme --peer ana --group eng/backend --role member --ttl 1h",
     "for one peer of it, to whom services may be open or not"}};
constexpr Example kListExamples[] = {{"brig token ls", "who may come, and when they last did"}};
constexpr Example kRevokeExamples[] = {{"brig token revoke ab12cd34", "at once"}};

constexpr CommandSpec kCreate = {.name = "create",
                                 .summary = "Make a token for the API over TLS.",
                                 .options = kCreateOptions,
                                 .examples = kCreateExamples,
                                 .run = create};
constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List tokens, without their secrets.",
                               .options = kJson,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kRevoke = {.name = "revoke",
                                 .summary = "Revoke tokens.",
                                 .positionals = kIds,
                                 .options = kJson,
                                 .examples = kRevokeExamples,
                                 .run = revoke};
constexpr const CommandSpec* kCommands[] = {&kCreate, &kList, &kRevoke};

}  // namespace

constexpr CommandSpec kToken = {.name = "token",
                                .summary = "Manage the tokens with which others use this daemon over TLS.",
                                .commands = kCommands};

}  // namespace brig::cli
