// An attempt to get out, as the agent in a sandbox would make it.
//
//   ATTEMPT(kernel, mount, "mounting needs CAP_SYS_ADMIN, and seccomp has no mount") {
//     return answer_of(::mount("none", "/tmp", "tmpfs", 0, nullptr));
//   }
//
// "Nothing happened" must not pass for "denied": each attempt says where the very same code must succeed, and
// the test runs it there too (Proof). It escapes if it gets what it wants, by whatever it can see itself;
// what only the outside can see (a packet, a lookup, a line in the account) is looked at there.
//
// A few aim at the host's kernel itself, which no call reaches under gVisor: they say so (`not_gvisor`), and
// are not made there. What an agent could do with the powers that gVisor's own kernel gives it is tried like
// all else.
//
// To add one: write the function in the folder of its subject; there is no list. Each runs in a process of
// its own with a time limit, so it may crash, hang and leave descriptors open, but no files.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace brig::escape {

struct Outcome {
  enum class Is {
    refused,  // it was told no
    absent,   // what it wanted is not there
    escaped,  // it got it
    broken,   // it could not even be tried
  };
  Is is = Is::refused;
  std::string how;
};

inline Outcome refused(std::string how = {}) {
  return {Outcome::Is::refused, std::move(how)};
}
inline Outcome absent(std::string how = {}) {
  return {Outcome::Is::absent, std::move(how)};
}
inline Outcome escaped(std::string how = {}) {
  return {Outcome::Is::escaped, std::move(how)};
}
inline Outcome broken(std::string how = {}) {
  return {Outcome::Is::broken, std::move(how)};
}

using Run = std::function<Outcome()>;

// Where the instrument must work.
struct Proof {
  enum class At {
    host,       // the same attempt by root outside of any sandbox, in the service's own namespaces
    neighbour,  // the same attempt in the sandbox whose goods are wanted
    here,       // `twin`, the same thing where it is allowed, in this very sandbox
  };
  At at = At::host;
  std::string name;
  Run twin;
};

struct Attempt {
  std::string subject, name, reason;
  Run run;
  Proof proof{};
  std::string sandbox = "narrow";  // which of the world's sandboxes makes it
  // Why it proves nothing under gVisor, whose kernel is a program of its own without powers over the host's.
  std::string not_gvisor = {};

  std::string id() const { return subject + "." + name; }
};

std::vector<Attempt>& attempts();
bool keep(Attempt attempt);

#define ATTEMPT(subject, name, reason, ...)                                                     \
  static ::brig::escape::Outcome attempt_##subject##_##name();                                  \
  [[maybe_unused]] static const bool kept_##subject##_##name =                                  \
      ::brig::escape::keep({#subject, #name, reason, attempt_##subject##_##name, __VA_ARGS__}); \
  static ::brig::escape::Outcome attempt_##subject##_##name()

// Where an attempt proves nothing under gVisor; for what is proven at the host.
#define OWN_KERNEL(reason) {}, "narrow", reason

// Tells the world outside that brigd was asked for this, so that it looks for it in the account.
void asked(const std::string& host, unsigned port);

}  // namespace brig::escape
