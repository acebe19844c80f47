// agent list                   every attempt: id, sandbox, proof, twin, reason, why not under gVisor
// agent try SANDBOX [SUBJECT…] makes the attempts that SANDBOX is to make
// agent only ID…               makes these
// agent prove SANDBOX          makes their twins, which must succeed
//
// Prints a line for each: id, what became of it, how, and what it asked brigd for, with tabs between.
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "flood.hpp"
#include "tools.hpp"

namespace brig::escape {
namespace {

int report = -1;

const char* word(Outcome::Is is) {
  switch (is) {
    case Outcome::Is::refused:
      return "refused";
    case Outcome::Is::absent:
      return "absent";
    case Outcome::Is::escaped:
      return "escaped";
    case Outcome::Is::broken:
      break;
  }
  return "broken";
}

const char* word(Proof::At at) {
  return at == Proof::At::host ? "host" : at == Proof::At::neighbour ? "neighbour" : "here";
}

std::string plain(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text.substr(0, 300);
}

void say(const std::string& text) {
  (void)!::write(report, text.data(), text.size());
}

// In a process of its own, whose group ends with it.
void make(const std::string& id, const Run& run) {
  using Clock = std::chrono::steady_clock;
  int pipe[2];
  if (::pipe(pipe) != 0) std::abort();
  std::fflush(stdout);
  pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(pipe[0]);
    report = pipe[1];
    // Outside of sandboxes it works: then it changes nothing but this process's own.
    if (!told("ESCAPE_ALONE").empty()) {
      if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        std::abort();
    }
    auto outcome = run();
    say(std::string("\t=") + word(outcome.is) + "\t" + plain(outcome.how));
    ::_exit(0);
  }
  if (child < 0) {
    std::printf("%s\tbroken\tno process could be made: %s\n", id.c_str(), std::strerror(errno));
    return;
  }
  ::setpgid(child, child);
  ::close(pipe[1]);
  auto until = Clock::now() + std::chrono::seconds(60);
  std::string heard;
  bool late = false;
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{pipe[0], POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0) {
      late = true;
      break;
    }
    char piece[4096];
    auto n = ::read(pipe[0], piece, sizeof piece);
    if (n <= 0) break;
    heard.append(piece, static_cast<std::size_t>(n));
    if (heard.find("\t=") != std::string::npos) break;  // whoever it left behind may hold the pipe
  }
  ::kill(-child, SIGKILL);
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  auto at = heard.find("\t=");
  auto asked_for = heard.substr(0, at);
  std::string became;
  if (at != std::string::npos)
    became = heard.substr(at + 2);
  else if (late)
    became = "broken\tit took too long";
  else if (WIFSIGNALED(status))
    became = "refused\tkilled by signal " + std::to_string(WTERMSIG(status));
  else
    became = "broken\tit ended without a word";
  std::printf("%s\t%s%s\n", id.c_str(), became.c_str(), asked_for.c_str());
}

}  // namespace

std::vector<Attempt>& attempts() {
  static std::vector<Attempt> all;
  return all;
}

bool keep(Attempt attempt) {
  attempts().push_back(std::move(attempt));
  return true;
}

void asked(const std::string& host, unsigned port) {
  say("\t" + plain(host) + " " + std::to_string(port));
}

}  // namespace brig::escape

int main(int argc, char** argv) {
  using namespace brig::escape;
  std::string verb = argc > 1 ? argv[1] : "";
  std::vector<std::string> words(argv + std::min(argc, 2), argv + argc);
  auto named = [&](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  auto& all = attempts();
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.subject < b.subject; });
  if (verb == "list") {
    for (const auto& a : all)
      std::printf("%s\t%s\t%s\t%s\t%s\t%s\n", a.id().c_str(), a.sandbox.c_str(), word(a.proof.at),
                  a.proof.name.c_str(), a.reason.c_str(), a.not_gvisor.c_str());
    return 0;
  }
  if (verb == "flood" && words.size() == 2) return flood(words[0], std::atoi(words[1].c_str()));
  if (words.empty() || (verb != "try" && verb != "only" && verb != "prove")) return 64;
  std::vector<std::string> proven;
  for (const auto& a : all) {
    if (verb == "only" ? !named(a.id()) : a.sandbox != words[0]) continue;
    if (verb == "try" && words.size() > 1 && !named(a.subject)) continue;
    if (verb == "try" && !a.not_gvisor.empty() && told("ESCAPE_RUNTIME") == "runsc") continue;
    if (verb != "prove") {
      make(a.id(), a.run);
    } else if (a.proof.at == Proof::At::here) {
      if (std::find(proven.begin(), proven.end(), a.proof.name) != proven.end()) continue;
      proven.push_back(a.proof.name);
      make(a.proof.name, a.proof.twin);
    }
  }
  return 0;
}
