// Taking a session's changes over into its project, and taking that back.
//
// Everything is copied out of the reach of the agent first, then looked at, then put in place
// (transaction.hpp) under a plan that stands on disk (journal.hpp). Nothing is applied unless all of it can
// be: a change that meets an edit of the host's, or that has to be allowed, is named, and the caller decides.
//
// Threads: those of with_rights(), one apply at a time for each project (a lock on its directory, also
// against other processes). Failure: as Result; after one the project is as it was.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "review/journal.hpp"
#include "review/screen.hpp"
#include "review/source.hpp"
#include "review/transaction.hpp"

namespace brig::review {

// Paths somebody named, and what is below them; none if none are given.
class Named {
 public:
  Named() = default;
  explicit Named(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  static Result<Named> parse(std::span<const std::string> texts);
  bool contains(std::string_view path) const;

 private:
  std::vector<std::string> paths_;
};

struct ApplyRequest {
  Selection paths;
  Named overwrite;     // take the session's version over an edit of the host's
  Named allow;         // what screening would refuse
  Named skip;          // leave these as they are on the host
  std::string digest;  // of the changes as the caller saw them; empty: whatever they are now
};

struct Report {
  std::vector<Concern> conflicts;  // with either of these nothing was done
  std::vector<Concern> concerns;
  std::vector<Change> done;
  bool refused() const { return !conflicts.empty() || !concerns.empty(); }
};

// An apply, or the taking back of one, that is refused or can be carried out: all of it is staged, and
// nothing of the project has changed. Without carry_out() nothing is left of it.
class Prepared {
 public:
  explicit Prepared(Report report);
  Prepared(Prepared&&) noexcept;
  ~Prepared();

  // Empty if it is refused, or there is nothing to do.
  std::vector<std::string> changing() const;
  Result<Report> carry_out();

 private:
  friend struct Preparing;
  struct Work;
  Report report_;
  std::unique_ptr<Work> work_;
};

Result<Prepared> prepare_apply(const Source& source, const Journal& journal, const ApplyRequest& request,
                               Step step = {});

// Takes the last apply back; `skip` is left as it is.
Result<Prepared> prepare_undo(const workspace::Project& project, const Journal& journal, const Named& skip,
                              Step step = {});

// Finishes or takes back what a crash left half done; nothing if there is none. Not for with_rights(): it
// finds out by itself in whose name.
Result<void> recover(const Journal& journal, Step step = {});

}  // namespace brig::review
