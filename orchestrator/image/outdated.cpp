#include "core/files.hpp"
#include "core/text.hpp"
#include "image/lock.hpp"
#include "image/npm.hpp"
#include "image/state.hpp"

namespace brig::image {
namespace {

constexpr std::size_t kMaxLock = 1 << 20;
constexpr std::size_t kMaxAnswer = 4 << 20;
constexpr Millis kAskDeadline = std::chrono::minutes(2);

}  // namespace

net::Task<Result<std::vector<Outdated>>> EngineImages::State::outdated() {
  BRIG_CO_TRY(auto text, read_file(catalog.lock_file(), kMaxLock));
  BRIG_CO_TRY(auto pins, parse_lock(text, catalog.lock_file().native()));
  auto env = host_environment();
  auto npm = process::find_program("npm", env["PATH"]);
  if (!npm)
    co_return Error{
        Code::unsupported,
        "comparing versions needs the host's own npm, which knows the registry; install it (apt install npm)",
        "image", false};
  auto arch = machine_arch();
  std::vector<Outdated> out;
  for (const auto& pin : pins) {
    if (pin.arch != "any" && pin.arch != arch) continue;
    process::Command ask;
    ask.program = *npm;
    ask.args = {"view", "--json", "--", pin.name + "@" + pin.track, "version"};
    ask.env = env;
    ask.max_output = kMaxAnswer;
    ask.deadline = Deadline::in(kAskDeadline);
    BRIG_CO_TRY(auto answer, co_await process::run(std::move(ask)));
    if (!answer.ok()) {
      auto error = process::failure("npm view " + pin.name, answer);
      error.code = Code::unavailable;
      co_return error;
    }
    auto latest = newest_version(answer.output);
    if (!latest)
      co_return Error{Code::protocol, "npm says nothing of the versions of " + quoted(pin.name), "image",
                      false};
    auto suffix = platform_suffix(pin.version);
    auto comparable = *latest + std::string(suffix);
    if (comparable != pin.version && is_newer(comparable, pin.version))
      out.push_back({pin.name, pin.version, printable(comparable, 128)});
  }
  co_return out;
}

}  // namespace brig::image
