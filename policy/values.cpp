#include "policy/values.hpp"

#include "core/text.hpp"

namespace brig::policy {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

std::string_view to_string(Runtime runtime) {
  switch (runtime) {
    case Runtime::runc:
      return "runc";
    case Runtime::crun:
      return "crun";
    case Runtime::runsc:
      return "runsc";
  }
  return "?";
}

std::optional<Runtime> runtime_from(std::string_view word) {
  for (auto r : {Runtime::runc, Runtime::crun, Runtime::runsc})
    if (word == to_string(r)) return r;
  return std::nullopt;
}

std::string_view to_string(Workspace mode) {
  return mode == Workspace::overlay ? "overlay" : "readonly";
}

std::optional<Workspace> workspace_from(std::string_view word) {
  for (auto w : {Workspace::overlay, Workspace::readonly})
    if (word == to_string(w)) return w;
  return std::nullopt;
}

std::string describe(const Grant& grant) {
  return std::visit(
      Overloaded{
          [](const GrantProjectWrite&) -> std::string { return "the project itself is writable"; },
          [](const GrantMount& m) -> std::string {
            return "host path " + quoted(m.source, 200) + " at " + quoted(m.target, 200) +
                   (m.writable ? ", writable" : ", read-only");
          },
          [](const GrantPtrace&) -> std::string { return "processes may trace each other"; },
          [](const GrantSyscalls& s) -> std::string {
            return "system calls " + printable(join(s.names, ", "), 400);
          },
      },
      grant);
}

std::string_view risk(const Grant& grant) {
  struct Visitor {
    std::string_view operator()(const GrantProjectWrite&) const {
      return "What the agent changes or plants in the project takes effect on the host at once, without "
             "review.";
    }
    std::string_view operator()(const GrantMount& m) const {
      return m.writable ? "The agent changes these files of the host directly."
                        : "The agent reads these files of the host and may pass on what they say.";
    }
    std::string_view operator()(const GrantPtrace&) const {
      return "ptrace is a large kernel interface, and a process may take over any other of its sandbox.";
    }
    std::string_view operator()(const GrantSyscalls&) const {
      return "Each further system call is more of the kernel that the agent may attack.";
    }
  };
  return std::visit(Visitor{}, grant);
}

}  // namespace brig::policy
