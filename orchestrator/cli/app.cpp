#include "cli/app.hpp"

#include <csignal>

#include "cli/arguments.hpp"
#include "cli/context.hpp"
#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/signals.hpp"
#include "cli/spec.hpp"

namespace brig::cli {
namespace {

int report(const Error& error) {
  say_error(error.message);
  if (error.where == "usage") return kExitUsage;
  // A process may run or have run, but what became of it is not known.
  if (error.where == "lost") return kExitNoOutcome;
  return exit_code(error.code);
}

}  // namespace

int run_brig(const std::vector<std::string>& words, Environment environment) {
  auto parsed = parse_command_line(root_command(), words);
  if (!parsed) return report(parsed.error());
  Context context(std::move(environment), parsed->arguments.get("host"));
  if (parsed->help) {
    print(help_text(*parsed->command, parsed->path, context.out()));
  } else if (parsed->version) {
    print("brig " BRIG_VERSION "\n");
  } else if (!parsed->command->run) {
    std::string text = help_text(*parsed->command, parsed->path, context.err());
    std::fwrite(text.data(), 1, text.size(), stderr);
    return kExitUsage;
  } else {
    auto code = parsed->command->run(context, parsed->arguments);
    if (!code) return report(code.error());
    auto flushed = flush_output();
    if (!flushed) return report(flushed.error());
    return *code;
  }
  auto flushed = flush_output();
  return flushed ? 0 : report(flushed.error());
}

}  // namespace brig::cli
