#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/secret.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

// What the service takes, and a line end.
constexpr std::size_t kMost = 16 * 1024 + 2;

std::string vault_path(const Arguments& arguments, const std::string& name, bool force = false) {
  std::string out = "/v1/vault";
  if (!name.empty()) out += "/" + percent_encode(name);
  auto mesh = arguments.get("mesh");
  if (mesh) out += "?mesh=" + percent_encode(*mesh);
  if (force) out += mesh ? "&force=1" : "?force=1";
  return out;
}

// Up to the end, or on a terminal to the end of the line.
Result<Secret> read_value(int fd, bool a_line) {
  std::vector<char> buffer(kMost);
  std::size_t have = 0;
  Result<Secret> out;
  while (true) {
    auto n = ::read(fd, buffer.data() + have, buffer.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read the value", "cli");
    have += static_cast<std::size_t>(n);
    bool line = a_line && have > 0 && buffer[have - 1] == '\n';
    if (n > 0 && !line && have < buffer.size()) continue;
    break;
  }
  std::string_view text(buffer.data(), have);
  // What editors and echo put at the end is no part of a key.
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (have == buffer.size())
    out = Error{Code::too_large, "the value is over 16 KiB", "cli", false};
  else
    out = Secret(text);
  ::explicit_bzero(buffer.data(), buffer.size());
  return out;
}

// Typed unseen. A signal meanwhile leaves the terminal as it was before.
Result<Secret> ask_for(const std::string& name) {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  termios before{};
  if (!terminal || ::tcgetattr(terminal.get(), &before) != 0)
    return Error{Code::invalid, "there is no terminal to ask on; give the value on standard input", "cli",
                 false};
  sigset_t all, old;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &old);
  auto hidden = before;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
  hidden.c_lflag |= ECHONL | ICANON;
  ::tcsetattr(terminal.get(), TCSAFLUSH, &hidden);
  auto prompt = name + " (not shown): ";
  (void)!::write(terminal.get(), prompt.data(), prompt.size());
  auto value = read_value(terminal.get(), true);
  ::tcsetattr(terminal.get(), TCSAFLUSH, &before);
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  if (value && value->reveal().find('\x03') != std::string_view::npos)
    return Error{Code::cancelled, "nothing was set", "cli", false};
  return value;
}

Result<Secret> value_of(const Context& context, const Arguments& arguments, const std::string& name) {
  auto variable = arguments.get("from-env");
  auto file = arguments.get("from-file");
  if (variable && file)
    return Error{Code::invalid, "--from-env and --from-file exclude each other; say one", "cli", false};
  if (variable) {
    auto value = context.environment()(variable->c_str());
    if (!value)
      return Error{Code::invalid, "--from-env: your environment has no " + quoted(*variable), "cli", false};
    return Secret(*value);
  }
  if (file) {
    UniqueFd fd(::open(file->c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error(errno, "cannot read " + quoted(*file, 256), "cli");
    return read_value(fd.get(), false);
  }
  return ::isatty(STDIN_FILENO) ? ask_for(name) : read_value(STDIN_FILENO, false);
}

Result<int> set(Context& context, const Arguments& arguments) {
  const auto& name = arguments.positionals()[0];
  BRIG_TRY(auto value, value_of(context, arguments, name));
  BRIG_TRY(Client * client, context.client());
  nlohmann::json body{{"value", value.reveal()}};
  auto answer = client->call("PUT", vault_path(arguments, name), body);
  auto& sent = body["value"].get_ref<std::string&>();
  ::explicit_bzero(sent.data(), sent.size());
  if (!answer) return answer.error();
  if (arguments.json())
    print_json(*answer);
  else
    print(printable(name) + "\n");
  return 0;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", vault_path(arguments, "")));
  const auto& secrets = list_of(answer, "secrets");
  if (arguments.json()) {
    print_json(secrets);
    return 0;
  }
  Table table({"KEY", "AGE", "REPLACED", "LAST USED"});
  for (const auto& secret : secrets) {
    auto ago = [&](const char* key) {
      auto text = age(text_of(secret, key));
      return text.empty() ? std::string("never") : text + " ago";
    };
    bool same = text_of(secret, "replaced") == text_of(secret, "created");
    table.add({{text_of(secret, "name"), Colour::bold},
               age(text_of(secret, "created")),
               same ? "never" : ago("replaced"),
               ago("last_used")});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> remove(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& name : arguments.positionals()) {
    BRIG_TRY(auto nothing, client->call("DELETE", vault_path(arguments, name, arguments.has("force"))));
    if (!arguments.json()) print(printable(name) + "\n");
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kMesh = {
    .flags = "--mesh", .value = "MESH", .help = "of this mesh (a tenant); for admins"};
constexpr OptionSpec kSetOptions[] = {
    {.flags = "--from-env", .value = "NAME", .help = "take the value from this variable of your environment"},
    {.flags = "--from-file", .value = "FILE", .help = "take it from this file", .complete = "file"},
    kMesh,
    kJsonOption,
};
constexpr OptionSpec kListOptions[] = {kMesh, kJsonOption};
constexpr OptionSpec kRemoveOptions[] = {
    {.flags = "-f,--force", .help = "also while sessions use it; their next request goes without"},
    kMesh,
    kJsonOption,
};
constexpr PositionalSpec kKey[] = {{.name = "KEY", .help = "what to call it, such as ANTHROPIC_API_KEY"}};
constexpr PositionalSpec kKeys[] = {
    {.name = "KEY", .help = "which", .arity = Arity::some, .complete = "key"}};
constexpr Example kSetExamples[] = {
    {"brig vault set ANTHROPIC_API_KEY", "asks for it, unseen"},
    {"brig vault set ANTHROPIC_API_KEY --from-env ANTHROPIC_API_KEY", "what your shell has"},
    {"pass show work/api | brig vault set WORK_API", "from another keeper of secrets"},
};
constexpr Example kListExamples[] = {{"brig vault ls", "names and when they were used; never the values"}};
constexpr Example kRemoveExamples[] = {{"brig vault rm ANTHROPIC_API_KEY", "the next request goes without"}};

constexpr CommandSpec kSet = {
    .name = "set",
    .summary = "Keep a secret, or replace it.",
    .description =
        "The value is read from standard input, or typed unseen on a terminal; it is never an argument, for "
        "those "
        "are seen by everybody on the machine. A line end at its end is dropped. A replaced value holds from "
        "the "
        "next request on, also in sessions that run.",
    .positionals = kKey,
    .options = kSetOptions,
    .examples = kSetExamples,
    .run = set};
constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List what is kept, without the values.",
                               .options = kListOptions,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kRemove = {.name = "rm",
                                 .summary = "Forget secrets.",
                                 .positionals = kKeys,
                                 .options = kRemoveOptions,
                                 .examples = kRemoveExamples,
                                 .run = remove};
constexpr const CommandSpec* kCommands[] = {&kSet, &kList, &kRemove};

}  // namespace

constexpr CommandSpec kVault = {
    .name = "vault", .summary = "Keep secrets that sandboxes use and never hold.", .commands = kCommands};

}  // namespace brig::cli
