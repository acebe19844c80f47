#include "review/stage.hpp"

#include <fcntl.h>

#include "core/files.hpp"
#include "core/text.hpp"
#include "review/copy.hpp"
#include "review/rights.hpp"

namespace brig::review {
namespace {

Error failed(Error error, std::string_view doing, const std::string& path) {
  error.message = std::string(doing) + " " + brig::quoted(spelled(path), 300) + error.message;
  if (error.code == Code::exhausted) error.message += "; free space in the state directory";
  return error;
}

Result<void> copy_to(int from, const std::filesystem::path& to, std::string_view doing,
                     const std::string& path) {
  UniqueFd file;
  {
    AsRoot root;
    file.reset(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  }
  if (!file) return failed(errno_error(errno, "", "review: stage"), doing, path);
  auto copied = copy_content(from, file.get());
  return copied ? Result<void>() : failed(std::move(copied).error(), doing, path);
}

// What undoing will need.
Result<void> keep_old(const Found& then, const Entry& entry, std::size_t i, Staged& out, const Step& step) {
  const auto& path = out.operation.path;
  if (step) step();
  if (S_ISLNK(then.st.st_mode)) {
    BRIG_TRY(std::string target, link_target(then.fd.get()));
    AsRoot root;
    return write_file(entry.old_file(i), target, 0600);
  }
  if (!S_ISREG(then.st.st_mode)) {
    if (!S_ISDIR(then.st.st_mode))
      out.trouble = "a pipe, socket or device on the host, which could not be brought back";
    return {};
  }
  UniqueFd file = open_file(then.fd.get());
  if (!file && errno == EACCES) {
    out.trouble = "not readable by the project's owner, so it could not be brought back";
    return {};
  }
  if (!file) return failed(errno_error(errno, "", "review: stage"), "Cannot read", path);
  BRIG_CHECK(copy_to(file.get(), entry.old_file(i), "Cannot keep the host's", path));
  out.operation.handle = handle_of(file.get());
  if (!(Identity::of(stat_of(file.get())) == out.operation.before))
    out.trouble = "being written to on the host right now";
  return {};
}

Result<void> take_new(const Found& now, const Entry& entry, std::size_t i, Staged& out, const Step& step) {
  auto& operation = out.operation;
  if (step) step();
  if (S_ISLNK(operation.after)) {
    BRIG_TRY(operation.target, link_target(now.fd.get()));
    return {};
  }
  if (!S_ISREG(operation.after)) return {};
  UniqueFd file = open_file(now.fd.get());
  if (!file && errno == EACCES) {
    out.trouble = "not readable by the project's owner";
    return {};
  }
  if (!file)
    return failed(errno_error(errno, "", "review: stage"), "Cannot read the session's", operation.path);
  return copy_to(file.get(), entry.new_file(i), "Cannot copy the session's", operation.path);
}

}  // namespace

Result<Staged> stage(const Source& source, const Change& change, const Entry& entry, std::size_t i,
                     const Step& step) {
  Staged out;
  out.operation.path = change.path;
  out.trouble = change.trouble;
  if (!out.trouble.empty()) return out;
  BRIG_TRY(Found now, source.trees.workspace.find(change.path));
  BRIG_TRY(Found then, source.trees.project.find(change.path));
  if (then.kind != Found::Kind::absent) {
    out.operation.before = Identity::of(then.st);
    out.operation.group = then.st.st_gid;
    BRIG_CHECK(keep_old(then, entry, i, out, step));
  }
  // As it is at this moment, should the agent be at work on it.
  if (now.kind != Found::Kind::absent) {
    out.operation.after = now.st.st_mode;
    BRIG_CHECK(take_new(now, entry, i, out, step));
  }
  return out;
}

}  // namespace brig::review
