// brig permission: what single peers of a mesh may do beyond, or short of, their role.
#include "cli/commands/commands.hpp"
#include "cli/commands/services.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kWords[] = {"deploy", "vault", "tools", "permissions"};
constexpr const char* kComplete = "deploy|vault|tools|permissions";

Result<std::string> permissions_path(const Context& context, const Arguments& arguments) {
  BRIG_TRY(auto mesh, mesh_path(context, arguments));
  return mesh + "/permissions";
}

std::string said(const json& of, std::string_view word) {
  auto it = of.find(word);
  if (it == of.end() || !it->is_boolean()) return "";
  return it->get<bool>() ? "yes" : "no";
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto path, permissions_path(context, arguments));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  Table table({"WHO", "DEPLOY", "VAULT", "TOOLS", "PERMISSIONS"});
  auto add = [&](const std::string& who, const json& of, Colour colour) {
    table.add(
        {{who, colour}, said(of, "deploy"), said(of, "vault"), said(of, "tools"), said(of, "permissions")});
  };
  auto defaults = answer.value("defaults", json::object());
  for (const char* role : {"owner", "admin", "member"})
    add("role " + std::string(role), defaults.value(role, json::object()), Colour::dim);
  for (const auto& entry : list_of(answer, "overrides")) add(text_of(entry, "peer"), entry, Colour::bold);
  print(table.text(context.out()));
  return 0;
}

Result<void> put(json& body, const Arguments& arguments, const char* option, bool allowed) {
  for (const auto& word : arguments.all(option)) {
    if (std::find(std::begin(kWords), std::end(kWords), word) == std::end(kWords))
      return Error{Code::invalid,
                   "--" + std::string(option) + " " + quoted(word) + " is not known" +
                       did_you_mean(word, kWords) + "; there are deploy, vault, tools and permissions",
                   "usage", false};
    if (body.contains(word))
      return Error{Code::invalid, quoted(word) + " is both allowed and denied, or twice", "usage", false};
    body[word] = allowed;
  }
  return {};
}

Result<int> set(Context& context, const Arguments& arguments) {
  const auto& peer = arguments.positionals()[0];
  json body = json::object();
  BRIG_CHECK(put(body, arguments, "allow", true));
  BRIG_CHECK(put(body, arguments, "deny", false));
  if (body.empty() != arguments.has("default"))
    return Error{Code::invalid,
                 "say what the peer may or may not: --allow or --deny, or --default for what its role says",
                 "usage", false};
  BRIG_TRY(auto path, permissions_path(context, arguments));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("PUT", path + "/" + percent_encode(peer), body));
  if (arguments.json())
    print_json(answer);
  else
    print(printable(peer) + "\n");
  return 0;
}

constexpr PositionalSpec kPeer[] = {{.name = "PEER", .help = "its name in the mesh"}};
constexpr OptionSpec kListOptions[] = {kServiceMesh, kJsonOption};
constexpr OptionSpec kSetOptions[] = {kServiceMesh,
                                      {.flags = "--allow",
                                       .value = "WHAT",
                                       .help = "deploy, vault, tools, permissions",
                                       .complete = kComplete,
                                       .many = true},
                                      {.flags = "--deny",
                                       .value = "WHAT",
                                       .help = "the same; it holds whatever the role",
                                       .complete = kComplete,
                                       .many = true},
                                      {.flags = "--default", .help = "what its role says, from now on"},
                                      kJsonOption};
constexpr Example kListExamples[] = {
    {"brig permission ls --mesh acme", "what each role may, and the peers of whom something else was said"}};
constexpr Example kSetExamples[] = {
    {"brig permission set ana --deny deploy --deny vault --mesh acme", "she may call tools, and no more"},
    {"brig permission set ana --default --mesh acme", "what her role says, again"}};

constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List what members of a mesh may do.",
                               .options = kListOptions,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kSet = {.name = "set",
                              .summary = "Say what a peer may do, whatever its role.",
                              .description =
                                  "It replaces what was said of the peer before, and holds at once. What is "
                                  "neither allowed nor denied is as its role says.",
                              .positionals = kPeer,
                              .options = kSetOptions,
                              .examples = kSetExamples,
                              .run = set};
constexpr const CommandSpec* kCommands[] = {&kList, &kSet};

}  // namespace

constexpr CommandSpec kPermission = {
    .name = "permission", .summary = "Say what members of a mesh may do.", .commands = kCommands};

}  // namespace brig::cli
