// Any tree, and whatever an agent does to it: an apply makes the project what the agent saw, an undo what it
// was, to the bit.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "apply_fixture.hpp"

namespace brig::review {
namespace {

// Few names, so that edits meet: some differ by case only, one is no UTF-8, one is as long as names get.
const std::string kNames[] = {"a", "b", "A", "c d", "not\xff", std::string(255, 'n')};

std::size_t below(std::size_t n) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::size_t>(0, n));
}

std::string some_path() {
  std::string path;
  for (std::size_t depth = below(3) + 1; depth > 0; --depth)
    path += (path.empty() ? "" : "/") + kNames[below(std::size(kNames))];
  return path;
}

struct Edit {
  enum Kind { write, append, remove, directory, link, rename, mode, hard_link } kind;
  std::string path, other, text;
};

std::vector<Edit> some_edits(std::size_t most) {
  std::vector<Edit> out;
  for (auto n = below(most + 1); n > 0; --n) {
    auto kind = static_cast<Edit::Kind>(below(8));
    auto text = *rc::gen::container<std::string>(rc::gen::inRange('a', 'd'));
    out.push_back({kind, some_path(), some_path(), std::move(text)});
  }
  return out;
}

std::string told(const std::vector<Edit>& edits) {
  static constexpr const char* kWords[] = {"write", "append", "remove", "directory",
                                           "link",  "rename", "mode",   "hard link"};
  std::string out;
  for (const auto& edit : edits)
    out += "\n  " + std::string(kWords[edit.kind]) + " " + spelled(edit.path) + ", " + spelled(edit.other) +
           ", '" + edit.text + "'";
  return out;
}

// Edits that make no sense where they come are none: an agent's would have failed as well.
void make(const Edit& edit) {
  std::error_code ec;
  auto readable = fs::perms::owner_all | static_cast<fs::perms>((edit.text.size() * 9) & 077);
  switch (edit.kind) {
    case Edit::write:
      if (fs::is_directory(fs::symlink_status(edit.path, ec)) || fs::is_symlink(edit.path, ec)) return;
      fs::create_directories(fs::path(edit.path).parent_path(), ec);
      write_text(edit.path, edit.text);
      return;
    case Edit::append:
      if (fs::is_regular_file(fs::symlink_status(edit.path, ec)))
        std::ofstream(edit.path, std::ios::app) << edit.text;
      return;
    case Edit::remove:
      fs::remove_all(edit.path, ec);
      return;
    case Edit::directory:
      fs::create_directories(edit.path, ec);
      return;
    case Edit::link:
      fs::create_symlink(edit.other, edit.path, ec);
      return;
    case Edit::rename:
      fs::rename(edit.path, edit.other, ec);
      return;
    case Edit::mode:
      if (!fs::is_symlink(fs::symlink_status(edit.path, ec))) fs::permissions(edit.path, readable, ec);
      return;
    case Edit::hard_link:
      if (fs::is_regular_file(fs::symlink_status(edit.path, ec)))
        fs::create_hard_link(edit.path, edit.other, ec);
      return;
  }
}

// A project with these in it, a session over it in which these were done, and its review.
class Case : public Applying {
 public:
  Case(const std::vector<Edit>& project_edits, const std::vector<Edit>& agent_edits) {
    SetUp();
    auto here = fs::current_path();
    fs::current_path(project);
    for (const auto& edit : project_edits) make(edit);
    fs::current_path(here);
    mount();
    before = shape(project);
    agent([&] {
      for (const auto& edit : agent_edits) make(edit);
    });
    seen = shape(place.workspace());
  }
  void TestBody() override {}

  void check() {
    RC_ASSERT(shape(project) == before);
    ApplyRequest request;
    request.allow = everything();
    auto changed = told();
    auto applied = apply(request);
    RC_ASSERT(bool(applied));
    RC_ASSERT(said(applied->conflicts).empty());
    RC_ASSERT(said(applied->concerns).empty());
    RC_ASSERT(shape(project) == seen);
    RC_ASSERT(told() == std::vector<std::string>());
    if (applied->done.empty()) return;
    auto idle = apply(request);
    RC_ASSERT(bool(idle));
    RC_ASSERT(idle->done.empty());
    RC_ASSERT(shape(project) == seen);
    auto undone = undo();
    RC_ASSERT(bool(undone));
    RC_ASSERT(!undone->refused());
    RC_ASSERT(shape(project) == before);
    RC_ASSERT(told() == changed);
    auto again = apply(request);
    RC_ASSERT(bool(again));
    RC_ASSERT(shape(project) == seen);
    RC_ASSERT(told() == std::vector<std::string>());
  }

 private:
  std::map<std::string, std::string> before, seen;
};

RC_GTEST_PROP(Review, AppliesWhatTheAgentSawAndUndoesIt, ()) {
  auto project_edits = some_edits(12);
  auto agent_edits = some_edits(12);
  RC_LOG() << "project:" << told(project_edits) << "\nagent:" << told(agent_edits) << "\n";
  Case(project_edits, agent_edits).check();
}

}  // namespace
}  // namespace brig::review
