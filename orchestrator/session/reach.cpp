#include "session/reach.hpp"

#include <charconv>

#include "core/text.hpp"
#include "session/manager_state.hpp"

namespace brig::session {
namespace {

constexpr Millis kConnectPort{15'000};
constexpr std::size_t kMaxPath = 4095;

Error failed(std::string message, Code code = Code::unavailable) {
  return {code, std::move(message), "session: copy", false};
}

// The line of images/init/copy.hpp, which a sandbox may have forged: it is worth a sentence and no more.
Error read_complaint(const std::string& errors, supervisor::Exit exit) {
  auto line = std::string_view(errors).substr(0, errors.find('\n'));
  auto words = split(line, '\t');
  int number = -1;
  if (words.size() == 4 && words[0] == "brig-copy") {
    auto [end, ec] = std::from_chars(words[1].data(), words[1].data() + words[1].size(), number);
    if (ec != std::errc() || end != words[1].data() + words[1].size() || number > 4095) number = -1;
  }
  if (number == 0) {
    std::string at = words[3].empty() ? std::string() : quoted(words[3], 512) + ": ";
    return failed("the archive is not taken: " + at + printable(words[2]), Code::invalid);
  }
  if (number > 0) {
    auto error =
        errno_error(number, "cannot " + printable(words[2]) + " " + quoted(words[3], 512) + " in the sandbox",
                    "session: copy");
    if (number == ENOENT) error.code = Code::not_found;
    if (number == EISDIR || number == ENOTDIR || number == EEXIST || number == ELOOP)
      error.code = Code::conflict;
    if (number == EACCES || number == EPERM || number == EROFS) error.code = Code::denied;
    if (number == ENOSPC || number == EDQUOT) {
      error.code = Code::exhausted;
      error.message += "; make room inside, or start with a larger --disk";
    }
    return error;
  }
  if (exit.kind == supervisor::ExitKind::signaled)
    return failed("the copying was killed in the sandbox, by signal " + std::to_string(exit.value) +
                  (exit.value == 9 ? " (out of memory?)" : ""));
  return failed("the copying failed in the sandbox" +
                (line.empty() ? std::string() : ": " + printable(line)));
}

bool went_well(supervisor::Exit exit) {
  return exit.kind == supervisor::ExitKind::exited && exit.value == 0;
}

class HelperDownload final : public Download {
 public:
  explicit HelperDownload(std::unique_ptr<Helper> helper) : helper_(std::move(helper)) {}

  net::Task<Result<void>> begin() {
    BRIG_CO_TRY(first_, co_await next());
    co_return Result<void>();
  }

  net::Task<Result<std::vector<std::byte>>> read() override {
    if (!first_.empty()) co_return std::move(first_);
    co_return co_await next();
  }

 private:
  net::Task<Result<std::vector<std::byte>>> next() {
    BRIG_CO_TRY(auto bytes, co_await helper_->read());
    if (!bytes.empty()) co_return bytes;
    BRIG_CO_TRY(auto exit, co_await helper_->wait());
    if (!went_well(exit)) co_return read_complaint(helper_->errors(), exit);
    co_return bytes;
  }

  std::unique_ptr<Helper> helper_;
  std::vector<std::byte> first_;
};

class HelperUpload final : public Upload {
 public:
  explicit HelperUpload(std::unique_ptr<Helper> helper) : helper_(std::move(helper)) {}

  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    auto written = co_await helper_->write(bytes);
    if (written || written.error().code != Code::conflict) co_return written;
    co_return co_await outcome();
  }

  net::Task<Result<void>> finish() override {
    BRIG_CO_CHECK(co_await helper_->end_input());
    co_return co_await outcome();
  }

 private:
  net::Task<Result<void>> outcome() {
    BRIG_CO_TRY(auto exit, co_await helper_->wait());
    if (!went_well(exit)) co_return read_complaint(helper_->errors(), exit);
    co_return Result<void>();
  }

  std::unique_ptr<Helper> helper_;
};

Result<void> check_path(const std::string& path) {
  if (path.starts_with('/') && path.size() <= kMaxPath && path.find('\0') == path.npos) return {};
  return Error{
      Code::invalid,
      "path " + quoted(path) + " must be absolute, and of at most " + std::to_string(kMaxPath) + " bytes",
      "session: copy", false};
}

std::vector<std::string> arguments_of(const UploadSpec& spec) {
  switch (spec.form) {
    case UploadSpec::Form::unpack:
      return {"unpack", spec.path};
    case UploadSpec::Form::place:
      return {"place", spec.path, spec.top};
    case UploadSpec::Form::put:
      return {"put", spec.path};
  }
  return {};
}

}  // namespace

// A running sandbox that the caller may change, for what looks into it as well: whoever reads files reads
// secrets.
net::Task<Result<std::shared_ptr<Sandbox>>> Manager::reach(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto live = find_live(row.id);
  if (!live || live->ending || launching_.contains(row.id)) {
    co_return Error{Code::conflict,
                    "session " + quoted(row.name) + " is not running (it is " + row.phase +
                        "); files and ports are reached while it runs",
                    "session", false};
  }
  co_return live->sandbox;
}

net::Task<Result<std::unique_ptr<Download>>> Manager::download(Caller caller, std::string ref,
                                                               std::string path) {
  BRIG_CO_CHECK(check_path(path));
  BRIG_CO_TRY(auto sandbox, co_await reach(std::move(caller), std::move(ref)));
  std::vector<std::string> arguments{"pack", path};
  BRIG_CO_TRY(auto helper, co_await sandbox->start_helper(std::move(arguments), false));
  auto out = std::make_unique<HelperDownload>(std::move(helper));
  BRIG_CO_CHECK(co_await out->begin());
  co_return std::unique_ptr<Download>(std::move(out));
}

net::Task<Result<std::unique_ptr<Upload>>> Manager::upload(Caller caller, std::string ref, UploadSpec spec) {
  BRIG_CO_CHECK(check_path(spec.path));
  BRIG_CO_TRY(auto sandbox, co_await reach(std::move(caller), std::move(ref)));
  BRIG_CO_TRY(auto helper, co_await sandbox->start_helper(arguments_of(spec), true));
  co_return std::unique_ptr<Upload>(std::make_unique<HelperUpload>(std::move(helper)));
}

net::Task<Result<std::unique_ptr<supervisor::Channel>>> Manager::connect(Caller caller, std::string ref,
                                                                         std::uint16_t port) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  BRIG_CO_TRY(auto sandbox, co_await reach(std::move(caller), row.id.str()));
  touch(row.id);  // a look that falls between short connections would see none
  co_return co_await sandbox->link().open_port(port, Deadline::in(kConnectPort));
}

}  // namespace brig::session
