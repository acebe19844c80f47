// completion, and what the packaging and the completions themselves call.
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/help.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

Result<int> completion(Context&, const Arguments& arguments) {
  const std::string& shell = arguments.positionals()[0];
  std::string script = completion_script(root_command(), shell);
  if (script.empty()) {
    constexpr std::string_view kShells[] = {"bash", "zsh", "fish"};
    return Error{Code::invalid,
                 "there are completions for bash, zsh and fish, not for " + quoted(shell) +
                     did_you_mean(shell, kShells),
                 "usage", false};
  }
  print(script);
  return 0;
}

// Names, one a line; silence when there is nobody to ask.
Result<int> complete(Context& context, const Arguments& arguments) {
  const std::string& what = arguments.positionals()[0];
  std::string list = what == "key" ? "secrets" : what + "s";
  auto path = what == "key" ? "/v1/vault" : "/v1/" + list + (what == "session" ? "?all=1" : "");
  if (what == "service") {
    auto mesh = context.environment()("BRIG_MESH");  // no completion knows the rest of the line
    if (!mesh) return 0;
    path = "/v1/meshes/" + percent_encode(*mesh) + "/services";
  }
  auto client = context.client();
  if (!client) return 0;
  auto answer = (*client)->call("GET", path, nullptr, Millis{1000});
  if (!answer) return 0;
  for (const auto& item : list_of(*answer, list.c_str())) {
    std::string name = text_of(item, what == "provider" ? "id" : "name");
    if (!name.empty()) print(printable(name) + "\n");
  }
  return 0;
}

Result<int> man(Context&, const Arguments&) {
  print(manual_page(root_command()));
  return 0;
}

constexpr PositionalSpec kShell[] = {
    {.name = "SHELL", .help = "bash, zsh or fish", .complete = "bash|zsh|fish"}};
constexpr PositionalSpec kWhat[] = {
    {.name = "WHAT", .help = "session, provider, profile, volume, service or key"}};
constexpr Example kExamples[] = {
    {"source <(brig completion bash)", "for this shell; put it in ~/.bashrc for every one"},
    {"brig completion fish > ~/.config/fish/completions/brig.fish", "fish looks there by itself"},
    {"brig completion zsh > ~/.zfunc/_brig", "with fpath+=~/.zfunc before compinit in ~/.zshrc"},
};

}  // namespace

constexpr CommandSpec kCompletion = {.name = "completion",
                                     .summary = "Print the completions for a shell.",
                                     .positionals = kShell,
                                     .examples = kExamples,
                                     .run = completion};

constexpr CommandSpec kComplete = {.name = "__complete",
                                   .summary = "Print names for a completion.",
                                   .positionals = kWhat,
                                   .run = complete,
                                   .hidden = true};

constexpr CommandSpec kMan = {
    .name = "__man", .summary = "Print the manual page.", .run = man, .hidden = true};

}  // namespace brig::cli
