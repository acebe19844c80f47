#include "egress/audit.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/files.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace brig::egress {
namespace {

constexpr std::uint64_t kMaxFile = 4 * 1024 * 1024;
constexpr std::size_t kMaxLine = 8 * 1024;
constexpr std::size_t kMaxQueued = 1024;

std::filesystem::path older(std::filesystem::path file) {
  file += ".1";
  return file;
}

}  // namespace

Audit::Audit(net::asio::any_io_executor executor, std::filesystem::path file)
    : executor_(std::move(executor)), file_(std::move(file)) {
  open();
}

Audit::~Audit() {
  for (auto& weak : followers_)
    if (auto follower = weak.lock()) {
      follower->ended_ = true;
      follower->changed_.notify_all();
    }
}

void Audit::open() {
  fd_.reset(::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status {};
  size_ = fd_ && ::fstat(fd_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  char last = '\n';
  // A line that a crash left unfinished must not swallow the next one.
  if (size_ > 0 && ::pread(fd_.get(), &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n') {
    if (::write(fd_.get(), "\n", 1) == 1) ++size_;
  }
}

void Audit::add(std::string line) {
  if (line.size() > kMaxLine) line.resize(kMaxLine);
  line += '\n';
  if (size_ + line.size() > kMaxFile) {
    ::rename(file_.c_str(), older(file_).c_str());
    open();
  }
  auto n = fd_ ? ::write(fd_.get(), line.data(), line.size()) : -1;
  if (n > 0) size_ += static_cast<std::uint64_t>(n);
  if (n != static_cast<ssize_t>(line.size()) && !std::exchange(complained_, true))
    log::error("the account of a session's connections cannot be written", {{"file", file_.native()}});
  line.pop_back();
  std::erase_if(followers_, [](const auto& weak) { return weak.expired(); });
  for (auto& weak : followers_) {
    auto follower = weak.lock();
    if (follower->lines_.size() >= kMaxQueued) {
      follower->lines_.pop_front();
      ++follower->missed_;
    }
    follower->lines_.push_back(line);
    follower->changed_.notify_all();
  }
}

std::shared_ptr<Audit::Follower> Audit::follow() {
  std::shared_ptr<Follower> out(new Follower(executor_));
  followers_.push_back(out);
  return out;
}

net::Task<std::optional<std::string>> Audit::Follower::next() {
  while (lines_.empty() && !ended_) co_await changed_.wait();
  if (missed_ > 0) {
    auto line = "{\"kind\":\"missed\",\"count\":" + std::to_string(std::exchange(missed_, 0)) + "}";
    co_return line;
  }
  if (lines_.empty()) co_return std::nullopt;
  auto line = std::move(lines_.front());
  lines_.pop_front();
  co_return line;
}

std::vector<std::string> Audit::last(const std::filesystem::path& file, std::size_t count) {
  std::vector<std::string> out;
  for (const auto& path : {older(file), file}) {
    auto text = read_file(path, kMaxFile + kMaxLine);
    if (!text) continue;
    for (auto line : split(*text, '\n'))
      if (!line.empty()) out.emplace_back(line);
  }
  if (out.size() > count) out.erase(out.begin(), out.end() - static_cast<long>(count));
  return out;
}

}  // namespace brig::egress
