// A project, a workspace over it, and the agent in it.
#pragma once

#include <gmock/gmock.h>
#include <sched.h>

#include "core/text.hpp"
#include "review/changes.hpp"
#include "review/patch.hpp"
#include "review/rights.hpp"
#include "review/source.hpp"
#include "sandbox.hpp"

namespace brig::review {

namespace fs = std::filesystem;
using workspace::look;
using workspace::own;
using workspace::read_text;
using workspace::write_text;

inline constexpr uid_t kOwner = 1234;
inline constexpr gid_t kGroup = 1235;

// Runs a program and gives what it printed, both streams; the exit code goes to `code`.
inline std::string output_of(const std::string& command, int* code = nullptr) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (!pipe) return "cannot run " + command;
  std::array<char, 4096> chunk;
  while (auto n = ::fread(chunk.data(), 1, chunk.size(), pipe)) out.append(chunk.data(), n);
  int status = ::pclose(pipe);
  if (code) *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return out;
}

class Reviewed : public ::testing::Test {
 protected:
  void SetUp() override {
    project = place.root / "home" / "app";
    fs::create_directories(project);
    ::chmod(project.c_str(), 0755);
  }

  // Everything in the project becomes the owner's.
  void mount() {
    own(project, kOwner, kGroup);
    for (auto& entry : fs::recursive_directory_iterator(project)) {
      if (look(entry.path()).st_uid == 0) own(entry.path(), kOwner, kGroup);
    }
    wait_for_the_clock();
    mount_again();
  }
  void mount_again() {
    auto opened = workspace::open_project(project.native(), std::nullopt, {});
    ASSERT_TRUE(opened) << opened.error().message;
    auto spec = place.spec();
    spec.project = &*opened;
    auto mounted = mounter.mount(spec);
    ASSERT_TRUE(mounted) << mounted.error().message;
  }

  // Until files changed from now on have a later time than those changed before. A file is stamped by the
  // coarse clock, which ticks a few hundred times a second, or, where the kernel has finer stamps and
  // somebody has looked at the file, by the fine one: so the coarse clock has to come past the fine one as it
  // is now.
  void wait_for_the_clock() {
    timespec then{}, now{};
    ::clock_gettime(CLOCK_REALTIME, &then);
    do {
      ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (std::pair(now.tv_sec, now.tv_nsec) <= std::pair(then.tv_sec, then.tv_nsec));
  }

  // As the agent, in the workspace.
  template <class F>
  void agent(F body) {
    EXPECT_TRUE(workspace::as(workspace::kInside, workspace::kInside, [&] {
      ::umask(022);
      try {
        fs::current_path(place.workspace());
        body();
      } catch (const std::exception& e) {
        std::fprintf(stderr, "the agent: %s\n", e.what());
        return false;
      }
      return true;
    }));
  }

  Source source() {
    auto opened = open_source(place.paths, {place.own, {}, project.native(), {}}, std::nullopt, {});
    if (!opened) ADD_FAILURE() << opened.error().message;
    return std::move(*opened);
  }

  std::vector<Change> changes(std::vector<std::string> paths = {}) {
    auto from = source();
    return changes(from, std::move(paths));
  }
  std::vector<Change> changes(const Source& from, std::vector<std::string> paths = {}) {
    auto found = with_rights(from.owner, [&]() -> Result<Changes> {
      BRIG_TRY(Changes all, find_changes(from.trees, Selection(std::move(paths))));
      BRIG_CHECK(find_renames(from.trees, all.list));
      return all;
    });
    if (!found) {
      ADD_FAILURE() << found.error().message;
      return {};
    }
    return std::move(found->list);
  }

  // "M path", "A path", "D path", "R from -> path".
  std::vector<std::string> told(std::vector<std::string> paths = {}) {
    std::vector<std::string> lines;
    for (const auto& change : changes(std::move(paths))) {
      std::string line(1, static_cast<char>(std::toupper(to_string(change.kind)[0])));
      line += " " + (change.from.empty() ? "" : change.from + " -> ") + change.path;
      if (change.after.is_directory() || (!change.after.exists() && change.before.is_directory()))
        line += "/";
      if (!change.trouble.empty()) line += " (" + change.trouble + ")";
      lines.push_back(line);
    }
    return lines;
  }

  std::string patch() {
    auto from = source();
    std::string text;
    for (const auto& change : changes(from)) {
      auto part = with_rights(from.owner, [&] { return patch_of(from.trees, change); });
      if (!part) {
        ADD_FAILURE() << part.error().message;
        continue;
      }
      text += part->text;
    }
    return text;
  }

  workspace::Place place;
  fs::path project;
  workspace::Mounter mounter;
};

}  // namespace brig::review
