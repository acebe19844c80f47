// Applies in tests: trees compared with what they should be, to the bit.
#pragma once

#include "fixture.hpp"
#include "review/apply.hpp"
#include "review/settle.hpp"

namespace brig::review {

// Names, kinds, modes, contents and targets: what an apply has to carry over. Times and inodes are not.
inline std::map<std::string, std::string> shape(const fs::path& root) {
  std::map<std::string, std::string> all;
  for (auto& entry : fs::recursive_directory_iterator(root)) {
    auto st = look(entry.path());
    auto text = std::to_string(st.st_mode) + " ";
    if (S_ISREG(st.st_mode)) text += read_text(entry.path());
    if (S_ISLNK(st.st_mode)) text += fs::read_symlink(entry.path()).string();
    // Not fs::relative(), which follows links.
    all[entry.path().lexically_relative(root).string()] = text;
  }
  return all;
}

inline Named everything() {
  return Named({""});
}

class Applying : public Reviewed {
 protected:
  Journal journal() { return Journal(place.state() / "reviews" / "s"); }

  Result<Report> apply(ApplyRequest request = {}, Step step = {}) {
    auto from = source();
    auto to = journal();
    auto prepared = with_rights(from.owner, [&] { return prepare_apply(from, to, request, step); });
    if (!prepared) return prepared.error();
    return carry_out(*prepared);
  }

  Result<Report> undo(Named skip = {}, Step step = {}) {
    auto opened = workspace::open_project(project.native(), std::nullopt, {});
    if (!opened) return opened.error();
    auto to = journal();
    auto prepared = with_rights(workspace::identity_of(opened->uid, opened->gid),
                                [&] { return prepare_undo(*opened, to, skip, step); });
    if (!prepared) return prepared.error();
    return carry_out(*prepared);
  }

  // As the service does: what the session takes from the project by another name is given to it first.
  Result<Report> carry_out(Prepared& prepared) {
    auto from = source();
    BRIG_TRY(auto renamed, find_renamed(from.trees.workspace, prepared.changing()));
    BRIG_CHECK(settle(place.paths, mounter, {"the session", place.own, {}, place.session()}, from, renamed));
    return with_rights(from.owner, [&] { return prepared.carry_out(); });
  }

  // "path: reason" of what stood in the way.
  static std::vector<std::string> said(const std::vector<Concern>& concerns) {
    std::vector<std::string> out;
    for (const auto& concern : concerns) out.push_back(spelled(concern.path) + ": " + concern.reason);
    return out;
  }

  void expect_applied(const Result<Report>& report) {
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(said(report->conflicts), ::testing::IsEmpty());
    EXPECT_THAT(said(report->concerns), ::testing::IsEmpty());
  }

  // Nothing of ours in the project, and at most one entry, whole, in the journal.
  void expect_tidy() {
    for (auto& entry : fs::directory_iterator(project)) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".brig-")) << entry.path();
    }
    auto entries = journal().entries();
    ASSERT_TRUE(entries) << entries.error().message;
    EXPECT_LE(entries->size(), 1u);
    for (const auto& entry : *entries) EXPECT_TRUE(*entry.read_done()) << entry.directory();
  }

  void expect_owned() {
    for (auto& entry : fs::recursive_directory_iterator(project)) {
      auto st = look(entry.path());
      EXPECT_EQ(st.st_uid, kOwner) << entry.path();
      EXPECT_EQ(st.st_gid, kGroup) << entry.path();
    }
  }
};

}  // namespace brig::review
