#include "review/apply.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <map>

#include "core/files.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "review/patch.hpp"
#include "review/rights.hpp"
#include "review/stage.hpp"
#include "workspace/mounter.hpp"

namespace brig::review {
namespace {

bool was_directory(const Operation& o) {
  return S_ISDIR(o.before.mode);
}

// Held as long as it lives.
Result<UniqueFd> lock_project(int project) {
  AsRoot root;
  UniqueFd directory(::openat(project, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno_error(errno, "Cannot open the project", "review: apply");
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno != EWOULDBLOCK) return errno_error(errno, "Cannot lock the project", "review: apply");
  return Error{Code::conflict, "Changes are being applied to this project right now: wait until that is done",
               "review: apply", true};
}

Result<void> keep_on_disk(const std::filesystem::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0)
    return errno_error(errno, "Cannot keep what is to be applied", "review: apply");
  return {};
}

// An entry that was begun and came to nothing.
class Discarding {
 public:
  Discarding(Journal journal, Entry entry) : journal_(std::move(journal)), entry_(std::move(entry)) {}
  Discarding(const Discarding&) = delete;
  Discarding& operator=(const Discarding&) = delete;
  ~Discarding() {
    if (!on_) return;
    AsRoot root;
    auto dropped = journal_.drop(entry_);
    if (!dropped)
      log::warn("what was staged for an apply stays until the next start", {{"error", dropped.error()}});
  }
  void keep() { on_ = false; }
  void discard_after_all() { on_ = true; }

 private:
  Journal journal_;
  Entry entry_;
  bool on_ = true;
};

Transaction::Content content_of(const Entry& entry, const Plan& plan) {
  if (!plan.undoes) return [entry](std::size_t i) { return entry.new_file(i); };
  Entry undone(entry.directory().parent_path() / std::to_string(*plan.undoes), *plan.undoes);
  return [undone](std::size_t i) { return undone.old_file(i); };
}

// Everything is in place: note what is there, and let go of what is not needed any more.
Result<void> conclude(const Journal& journal, const Entry& entry, const Plan& plan, Transaction& transaction,
                      std::optional<std::vector<Identity>> left, const Step& step) {
  bool noted = left.has_value();
  if (!noted) {
    BRIG_TRY(left, transaction.left());
  }
  {
    AsRoot root;
    BRIG_TRY(Known known, Known::load(journal.known()));
    for (std::size_t i = 0; i < left->size() && i < plan.operations.size(); ++i) {
      const auto& o = plan.operations[i];
      if (o.before.exists() || o.after != 0) known.set(o.path, (*left)[i]);
      known.took(o.handle);
    }
    if (step) step();
    BRIG_CHECK(known.save(journal.known()));
    if (step) step();
    if (!noted) BRIG_CHECK(entry.write_done(*left));
  }
  BRIG_CHECK(transaction.clean());
  AsRoot root;
  if (step) step();
  BRIG_TRY(auto entries, journal.entries());
  for (const auto& other : entries) {
    // Of an undo nothing stays, of applies the last.
    if (other.number() < entry.number()) BRIG_CHECK(journal.drop(other));
  }
  if (plan.undoes) return journal.drop(entry);
  return workspace::destroy(entry.directory() / "new");
}

Result<void> run(const Journal& journal, const Entry& entry, const Plan& plan, int project,
                 Discarding& discarding, const Step& step) {
  {
    AsRoot root;
    if (step) step();
    BRIG_CHECK(entry.write_plan(plan));
  }
  Transaction transaction(plan, project, content_of(entry, plan), step);
  auto inodes = transaction.prepare();
  if (!inodes) {
    (void)transaction.clean();
    return std::move(inodes).error();
  }
  Result<void> done;
  {
    AsRoot root;
    if (step) step();
    done = entry.write_swapping(*inodes);
  }
  if (!done) {
    (void)transaction.clean();
    return done;
  }
  // From here on the journal stays whatever fails: the next start finishes, or takes back, what we could not.
  discarding.keep();
  done = transaction.swap(*inodes, false);
  if (done) return conclude(journal, entry, plan, transaction, {}, step);
  BRIG_CHECK(transaction.take_back(*inodes));
  BRIG_CHECK(transaction.clean());
  discarding.discard_after_all();
  return done;
}

Result<void> finish_or_take_back(const Journal& journal, const Entry& entry, const Plan& plan, int project,
                                 const Step& step) {
  std::optional<std::vector<std::uint64_t>> inodes;
  {
    AsRoot root;
    BRIG_TRY(inodes, entry.read_swapping());
  }
  Transaction transaction(plan, project, content_of(entry, plan), step);
  if (inodes && inodes->size() == plan.operations.size()) {
    auto done = transaction.swap(*inodes, true);
    if (done) return conclude(journal, entry, plan, transaction, {}, step);
    log::warn("an apply that was interrupted is taken back",
              {{"project", plan.project}, {"error", done.error()}});
    BRIG_CHECK(transaction.take_back(*inodes));
  }
  BRIG_CHECK(transaction.clean());
  AsRoot root;
  return journal.drop(entry);
}

// A directory cannot go while something in it stays.
void keep_parents(std::vector<Change>& changes, const std::vector<std::string>& staying) {
  std::erase_if(changes, [&](const Change& change) {
    if (!change.before.is_directory() || change.after.is_directory()) return false;
    return std::any_of(staying.begin(), staying.end(),
                       [&](const auto& path) { return is_below(path, change.path); });
  });
}

// Directories that a selected file needs and that were not selected themselves.
Result<void> add_parents(const Source& source, std::vector<Change>& changes, std::vector<Concern>& troubles) {
  std::map<std::string, Change> parents;
  for (const auto& change : changes) parents.emplace(change.path, Change{});
  std::vector<Change> more;
  for (const auto& change : changes) {
    if (!change.after.exists()) continue;
    for (auto path = std::string(parent_of(change.path)); !path.empty();
         path = std::string(parent_of(path))) {
      if (parents.contains(path)) break;
      BRIG_TRY(Found there, source.trees.project.find(path));
      if (there.kind == Found::Kind::directory) break;
      if (there.kind == Found::Kind::file) {
        troubles.push_back({change.path,
                            "what is a directory now is " + brig::quoted(spelled(path), 300) +
                                ", a file, on the host: name that as well",
                            true});
        break;
      }
      BRIG_TRY(Found now, source.trees.workspace.find(path));
      Change parent{path, ChangeKind::added, "", {}, {now.st.st_mode, 0}, true, ""};
      parents.emplace(path, parent);
      more.push_back(std::move(parent));
    }
  }
  changes.insert(changes.end(), more.begin(), more.end());
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.path < b.path; });
  return {};
}

Result<void> judge(const Source& source, const Known& known, const ApplyRequest& request,
                   const std::vector<Change>& changes, Report& report) {
  for (const auto& change : changes) {
    if (request.overwrite.contains(change.path)) continue;
    BRIG_TRY(std::string why, conflict_of(source, known, change));
    if (!why.empty()) report.conflicts.push_back({change.path, why, false});
  }
  return {};
}

}  // namespace

Result<Named> Named::parse(std::span<const std::string> texts) {
  std::vector<std::string> paths;
  for (const auto& text : texts) {
    BRIG_TRY(std::string path, parse_path(text));
    paths.push_back(std::move(path));
  }
  return Named(std::move(paths));
}

bool Named::contains(std::string_view path) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const auto& named) { return is_below(path, named); });
}

struct Prepared::Work {
  Work(UniqueFd the_lock, UniqueFd directory, Journal of, Entry begun, Step each)
      : lock(std::move(the_lock)),
        project(std::move(directory)),
        journal(std::move(of)),
        entry(std::move(begun)),
        step(std::move(each)),
        discarding(journal, entry) {}

  UniqueFd lock;
  UniqueFd project;
  Journal journal;
  Entry entry;
  Step step;
  Plan plan;
  Discarding discarding;
};

struct Preparing {
  static Result<std::unique_ptr<Prepared::Work>> begin(UniqueFd lock, int project, const Journal& journal,
                                                       const Step& step) {
    UniqueFd directory(::fcntl(project, F_DUPFD_CLOEXEC, 0));
    if (!directory) return errno_error(errno, "Cannot keep the project", "review: apply");
    AsRoot root;
    if (step) step();
    BRIG_TRY(Entry entry, journal.begin());
    return std::make_unique<Prepared::Work>(std::move(lock), std::move(directory), journal, std::move(entry),
                                            step);
  }
  static Prepared done(Report report, std::unique_ptr<Prepared::Work> work) {
    Prepared prepared(std::move(report));
    prepared.work_ = std::move(work);
    return prepared;
  }
};

Prepared::Prepared(Report report) : report_(std::move(report)) {}
Prepared::Prepared(Prepared&&) noexcept = default;
Prepared::~Prepared() = default;

std::vector<std::string> Prepared::changing() const {
  std::vector<std::string> paths;
  if (!work_) return paths;
  for (const auto& o : work_->plan.operations) {
    bool only_its_mode = was_directory(o) && S_ISDIR(o.after);
    if (!only_its_mode && (o.before.exists() || o.after != 0)) paths.push_back(o.path);
  }
  return paths;
}

Result<Report> Prepared::carry_out() {
  if (work_)
    BRIG_CHECK(
        run(work_->journal, work_->entry, work_->plan, work_->project.get(), work_->discarding, work_->step));
  work_.reset();
  return std::move(report_);
}

Result<Prepared> prepare_apply(const Source& source, const Journal& journal, const ApplyRequest& request,
                               Step step) {
  if (!source.project) {
    return Error{Code::conflict,
                 "The session has no project on this host to apply to: `brig cp` copies files out of it, and "
                 "`brig diff` gives a patch that `git apply` takes, in a clone of your own for one",
                 "review: apply", false};
  }
  int project = source.project->directory.get();
  BRIG_TRY(UniqueFd lock, lock_project(project));
  BRIG_TRY(Changes changes, find_changes(source.trees, request.paths));
  if (!request.digest.empty() && request.digest != changes.digest) {
    return Error{Code::conflict, "The workspace or the project has changed since you looked: look again",
                 "review: apply", true};
  }
  std::vector<std::string> staying;
  std::erase_if(changes.list, [&](const Change& change) {
    if (!request.skip.contains(change.path)) return false;
    staying.push_back(change.path);
    return true;
  });
  keep_parents(changes.list, staying);
  Report report;
  BRIG_CHECK(add_parents(source, changes.list, report.concerns));
  if (changes.list.empty()) return Prepared(std::move(report));
  std::optional<Known> known;
  {
    AsRoot root;
    BRIG_TRY(known, Known::load(journal.known()));
  }
  BRIG_CHECK(judge(source, *known, request, changes.list, report));

  BRIG_TRY(auto work, Preparing::begin(std::move(lock), project, journal, step));
  auto& plan = work->plan;
  plan = {random_hex(8), source.project->path.native(), stat_of(project).st_ino, {}, {}};
  for (const auto& change : changes.list) {
    BRIG_TRY(Staged staged, stage(source, change, work->entry, plan.operations.size(), step));
    if (!staged.trouble.empty()) report.concerns.push_back({change.path, staged.trouble, true});
    plan.operations.push_back(std::move(staged.operation));
  }
  auto content = [&](std::size_t i) -> Result<std::string> {
    AsRoot root;
    return read_file(work->entry.new_file(i), kMaxText);
  };
  BRIG_TRY(auto concerns, screen(source.trees, plan.operations, content));
  for (auto& concern : concerns) {
    if (concern.never || !request.allow.contains(concern.path)) report.concerns.push_back(std::move(concern));
  }
  if (report.refused()) return Prepared(std::move(report));
  {
    AsRoot root;
    if (step) step();
    BRIG_CHECK(keep_on_disk(work->entry.directory()));
  }
  report.done = std::move(changes.list);
  return Preparing::done(std::move(report), std::move(work));
}

namespace {

// What an apply did, the other way round.
Result<Plan> reversed(const Plan& plan, const Entry& entry, const std::vector<Identity>& left) {
  Plan out{random_hex(8), plan.project, plan.inode, entry.number(), {}};
  for (std::size_t i = 0; i < plan.operations.size(); ++i) {
    const auto& o = plan.operations[i];
    Operation back{o.path, left[i], o.group, o.before.mode, "", ""};
    if (S_ISLNK(back.after)) {
      AsRoot root;
      BRIG_TRY(back.target, read_file(entry.old_file(i), 4096));
    }
    out.operations.push_back(std::move(back));
  }
  return out;
}

// Whether the host still has what the apply left.
Result<std::string> changed_since(const Tree& project, const Operation& o,
                                  const std::set<std::string>& ours) {
  BRIG_TRY(Found found, project.find(o.path));
  auto now = found.kind == Found::Kind::absent ? Identity{} : Identity::of(found.st);
  if (!S_ISDIR(o.before.mode)) return now == o.before ? "" : std::string("changed since it was applied");
  if (now.mode != o.before.mode) return std::string("changed since it was applied");
  if (S_ISDIR(o.after)) return std::string();
  BRIG_TRY(auto names, project.names(found.node, Tree::Layers::all));
  for (const auto& name : names) {
    if (!ours.contains(joined(o.path, name)))
      return "holds " + brig::quoted(spelled(name), 300) + ", which was not applied";
  }
  return std::string();
}

}  // namespace

Result<Prepared> prepare_undo(const workspace::Project& project, const Journal& journal, const Named& skip,
                              Step step) {
  BRIG_TRY(UniqueFd lock, lock_project(project.directory.get()));
  std::optional<Entry> last;
  std::optional<Plan> plan;
  std::optional<std::vector<Identity>> left;
  {
    AsRoot root;
    BRIG_TRY(auto entries, journal.entries());
    if (!entries.empty()) last = entries.back();
    if (last) {
      BRIG_TRY(plan, last->read_plan());
      BRIG_TRY(left, last->read_done());
    }
  }
  if (!plan || !left || plan->undoes || left->size() != plan->operations.size()) {
    return Error{Code::conflict, "There is nothing to undo: nothing was applied, or it was undone already",
                 "review: undo", false};
  }
  if (stat_of(project.directory.get()).st_ino != plan->inode) {
    return Error{Code::conflict, "Another directory stands in the place of the project it was applied to",
                 "review: undo", false};
  }
  BRIG_TRY(Plan back, reversed(*plan, *last, *left));
  UniqueFd root_of_project(::fcntl(project.directory.get(), F_DUPFD_CLOEXEC, 0));
  Tree tree({}, std::move(root_of_project));
  std::set<std::string> ours;
  for (const auto& o : back.operations) {
    if (!skip.contains(o.path)) ours.insert(o.path);
  }
  Report report;
  for (auto& o : back.operations) {
    bool nothing = !o.before.exists() && o.after == 0;
    if (nothing || !ours.contains(o.path)) {
      o.before = {};
      o.after = 0;
      continue;
    }
    BRIG_TRY(std::string why, changed_since(tree, o, ours));
    if (!why.empty()) report.conflicts.push_back({o.path, why, false});
    Change change{o.path, ChangeKind::modified, "", {o.before.mode, 0}, {o.after, 0}, true, ""};
    if (!o.before.exists()) change.kind = ChangeKind::added;
    if (o.after == 0) change.kind = ChangeKind::deleted;
    report.done.push_back(std::move(change));
  }
  if (report.refused()) {
    report.done.clear();
    return Prepared(std::move(report));
  }
  BRIG_TRY(auto work, Preparing::begin(std::move(lock), project.directory.get(), journal, step));
  work->plan = std::move(back);
  return Preparing::done(std::move(report), std::move(work));
}

Result<void> recover(const Journal& journal, Step step) {
  BRIG_TRY(auto entries, journal.entries());
  for (const auto& entry : entries) {
    BRIG_TRY(auto plan, entry.read_plan());
    BRIG_TRY(auto done, entry.read_done());
    if (!plan) {
      BRIG_CHECK(journal.drop(entry));
      continue;
    }
    std::error_code ec;
    bool settled = done && !plan->undoes && !std::filesystem::exists(entry.directory() / "new", ec);
    if (settled) continue;
    BRIG_TRY(auto project, workspace::open_project(plan->project, std::nullopt, {}));
    if (stat_of(project.directory.get()).st_ino != plan->inode) {
      return Error{
          Code::conflict,
          "An apply to " + brig::quoted(plan->project, 200) +
              " was interrupted, and another directory stands there now: put the project back, then start "
              "brigd again",
          "review: recover", false};
    }
    auto owner = workspace::identity_of(project.uid, project.gid);
    BRIG_CHECK(with_rights(owner, [&]() -> Result<void> {
      BRIG_TRY(UniqueFd lock, lock_project(project.directory.get()));
      if (!done) return finish_or_take_back(journal, entry, *plan, project.directory.get(), step);
      Transaction transaction(*plan, project.directory.get(), content_of(entry, *plan), step);
      return conclude(journal, entry, *plan, transaction, done, step);
    }));
    if (plan->undoes) return {};  // the entries it listed may be gone
  }
  return {};
}

}  // namespace brig::review
