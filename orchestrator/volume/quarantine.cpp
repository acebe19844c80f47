#include "volume/quarantine.hpp"

#include <sys/stat.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "volume/archive.hpp"
#include "volume/disk.hpp"
#include "volume/memo.hpp"
#include "workspace/mounter.hpp"

namespace brig::volume {
namespace {

namespace fs = std::filesystem;
namespace stage = store::stage;

constexpr Millis kLookEvery = std::chrono::hours(1);

// The image of a volume comes under its name when it is whole and on the disk, and goes once its archive is.
bool has_image(const fs::path& directory) {
  std::error_code ec;
  return fs::is_regular_file(directory / "disk.img", ec);
}

Result<void> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return errno_error(errno, "cannot make " + quoted(path.native(), 256), "volume: quarantine");
}

}  // namespace

// One at a time for each volume; others wait for the end of it.
class Quarantine::Turn {
 public:
  Turn(Quarantine& quarantine, std::string name) : quarantine_(quarantine), name_(std::move(name)) {
    quarantine_.jobs_[name_] = job_;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    quarantine_.jobs_.erase(name_);
    quarantine_.changed_.notify_all();
  }
  const std::shared_ptr<Job>& job() const { return job_; }

 private:
  Quarantine& quarantine_;
  std::string name_;
  std::shared_ptr<Job> job_ = std::make_shared<Job>();
};

Quarantine::Quarantine(net::asio::any_io_executor executor, Options options, Volumes& volumes,
                       const Clock& clock)
    : executor_(executor), options_(options), volumes_(volumes), clock_(clock), changed_(executor) {
  volumes_.bring_back = [this](std::string name) { return restore(std::move(name)); };
}

void Quarantine::close() {
  closing_ = true;
  for (auto& [name, job] : jobs_) job->cancelled = true;
}

net::Task<Result<std::uint64_t>> Quarantine::put(std::string name, std::function<void(double)> progress) {
  if (closing_) co_return Error{Code::unavailable, "brigd is stopping", "volume: quarantine", true};
  BRIG_CO_CHECK(
      co_await volumes_.table().begin_removal(name, store::VolumeTable::Removal::archived, clock_.wall()));
  co_return co_await carry(std::move(name), std::move(progress));
}

// From wherever it is on its way in.
net::Task<Result<std::uint64_t>> Quarantine::carry(std::string name, std::function<void(double)> progress) {
  Turn turn(*this, name);
  BRIG_CO_TRY(auto row, co_await volumes_.table().get(name));
  auto bytes = row.archive_bytes;
  if (row.stage == stage::kArchiving) {
    auto done = co_await archive(row, turn.job(), std::move(progress));
    if (!done) {
      auto back = co_await give_up(std::move(row));
      if (!back) log::warn("a volume is left to the next start", {{"volume", name}, {"error", back.error()}});
      co_return std::move(done).error();
    }
    bytes = *done;
    BRIG_CO_CHECK(
        co_await volumes_.table().move(name, stage::kArchiving, stage::kArchived, clock_.wall(), bytes));
  }
  BRIG_CO_CHECK(co_await finish(std::move(name)));
  co_return bytes;
}

net::Task<Result<std::uint64_t>> Quarantine::archive(store::VolumeRow row, std::shared_ptr<Job> job,
                                                     std::function<void(double)> progress) {
  if (row.bytes == 0) {
    co_return Error{Code::unsupported,
                    "volume " + quoted(row.name, 128) +
                        " is a plain directory that an earlier Brig made, which cannot be archived; prune it "
                        "with --no-quarantine, or leave it",
                    "volume: quarantine", false};
  }
  BRIG_CO_CHECK(co_await volumes_.unname(row.name));
  // Progress is told on the loop, and not for every piece.
  auto tell = [executor = executor_, progress = std::move(progress),
               last = std::make_shared<int>(-1)](double f) {
    int percent = static_cast<int>(f * 100);
    if (!progress || std::exchange(*last, percent) == percent) return;
    net::asio::post(executor, [progress, f] { progress(f); });
  };
  auto work = [dir = volumes_.directory_of(row.name), to = archive_of(row.name), all = volumes_.quarantine(),
               row, job, tell, rate = options_.bytes_per_second]() -> Result<std::uint64_t> {
    BRIG_CHECK(unmount_volume(dir));
    // The ledger's last commits can be lost by a power cut; what it was to do next was done then.
    if (!has_image(dir)) return check_archive(to);
    BRIG_CHECK(wait_until_unused(dir));
    BRIG_CHECK(make_directory(all));
    BRIG_CHECK(make_directory(to.parent_path()));
    BRIG_TRY(auto bytes, write_archive(dir / "disk.img", to, {rate, &job->cancelled, tell}));
    BRIG_CHECK(write_memo(to.parent_path(), row));
    return bytes;
  };
  co_return co_await worker_.run(std::move(work));
}

// The image is what counts: the archive goes.
net::Task<Result<void>> Quarantine::give_up(store::VolumeRow row) {
  auto work = [dir = volumes_.quarantine_of(row.name), image = volumes_.directory_of(row.name),
               plain = row.bytes == 0]() -> Result<void> {
    if (plain || has_image(image)) return workspace::destroy(dir);
    return Error{Code::corrupt,
                 "the image of volume " + quoted(image.filename().native(), 128) +
                     " is not there any more; what there is of its archive stays",
                 "volume: quarantine", false};
  };
  BRIG_CO_CHECK(co_await worker_.run(std::move(work)));
  auto name = row.name;
  BRIG_CO_CHECK(co_await volumes_.come_back(std::move(row)));
  co_return co_await volumes_.table().move(name, stage::kArchiving, stage::kPresent, clock_.wall());
}

// The archive is what counts: the image goes.
net::Task<Result<void>> Quarantine::finish(std::string name) {
  auto work = [dir = volumes_.directory_of(name)]() -> Result<void> {
    BRIG_CHECK(unmount_volume(dir));
    return workspace::destroy(dir);
  };
  BRIG_CO_CHECK(co_await worker_.run(std::move(work)));
  co_return co_await volumes_.table().move(name, stage::kArchived, stage::kQuarantined, clock_.wall());
}

net::Task<Result<void>> Quarantine::restore(std::string name) {
  while (true) {
    while (jobs_.contains(name)) {
      jobs_[name]->cancelled = true;  // one that unpacks or removes does not mind
      co_await changed_.wait();
    }
    if (closing_) co_return Error{Code::unavailable, "brigd is stopping", "volume: quarantine", true};
    BRIG_CO_TRY(auto row, co_await volumes_.table().get(name));
    if (jobs_.contains(name)) continue;
    if (row.stage == stage::kPresent && !row.removing) co_return Result<void>();
    if (row.stage == stage::kPresent)
      co_return Error{Code::conflict, "volume " + quoted(name, 128) + " is being removed for good",
                      "volume: quarantine", true};
    if (row.stage == stage::kQuarantined) {
      Turn turn(*this, name);
      BRIG_CO_CHECK(
          co_await volumes_.table().move(name, stage::kQuarantined, stage::kRestoring, clock_.wall()));
      co_return co_await unpack(std::move(row));
    }
    // An earlier brigd left it there.
    Turn turn(*this, name);
    if (row.stage == stage::kRestoring) co_return co_await unpack(std::move(row));
    if (row.stage == stage::kArchiving) co_return co_await give_up(std::move(row));
    BRIG_CO_CHECK(co_await finish(name));
  }
}

// In stage `restoring`.
net::Task<Result<void>> Quarantine::unpack(store::VolumeRow row) {
  auto name = row.name;
  auto work = [dir = volumes_.directory_of(name), from = archive_of(name)]() -> Result<void> {
    BRIG_CHECK(unmount_volume(dir));
    std::error_code ec;
    // Likewise: it was unpacked, and its archive let go.
    if (has_image(dir) && !fs::exists(from, ec)) return {};
    BRIG_CHECK(make_directory(dir.parent_path()));
    BRIG_CHECK(make_directory(dir));
    return read_archive(from, dir / "disk.img");
  };
  auto done = co_await worker_.run(std::move(work));
  if (done) done = co_await volumes_.come_back(std::move(row));
  if (!done) {
    auto undo = [dir = volumes_.directory_of(name), from = archive_of(name)]() -> Result<void> {
      BRIG_CHECK(unmount_volume(dir));
      std::error_code ec;
      if (!fs::exists(from, ec)) return {};
      return workspace::destroy(dir);
    };
    BRIG_CO_CHECK(co_await worker_.run(std::move(undo)));
    BRIG_CO_CHECK(
        co_await volumes_.table().move(name, stage::kRestoring, stage::kQuarantined, clock_.wall()));
    co_return std::move(done).error();
  }
  BRIG_CO_CHECK(co_await volumes_.table().move(name, stage::kRestoring, stage::kPresent, clock_.wall()));
  auto drop = [dir = volumes_.quarantine_of(name)] { return workspace::destroy(dir); };
  co_return co_await worker_.run(std::move(drop));
}

net::Task<void> Quarantine::end_what_was_begun() {
  auto rows = co_await volumes_.table().list();
  if (!rows) co_return;
  for (const auto& row : *rows) {
    if (closing_ || jobs_.contains(row.name)) continue;
    Result<void> done;
    if (row.stage == stage::kArchiving || row.stage == stage::kArchived) {
      auto carried = co_await carry(row.name, nullptr);
      if (!carried) done = carried.error();
    } else if (row.stage == stage::kRestoring) {
      Turn turn(*this, row.name);
      done = co_await unpack(row);
    } else if (row.stage == stage::kPresent && !row.removing) {
      // It is out again, but for the archive.
      auto drop = [dir = volumes_.quarantine_of(row.name)] { return workspace::destroy(dir); };
      done = co_await worker_.run(std::move(drop));
    }
    if (!done) log::warn("a volume is not as it should be", {{"volume", row.name}, {"error", done.error()}});
  }
}

net::Task<void> Quarantine::let_go() {
  auto rows = co_await volumes_.table().list();
  if (!rows) co_return;
  for (const auto& row : *rows) {
    if (row.stage != stage::kQuarantined || !row.staged || jobs_.contains(row.name)) continue;
    if (clock_.wall() - *row.staged < options_.retention) continue;
    auto gone = co_await volumes_.remove(row.name);
    if (gone)
      log::info("a volume's time in quarantine is over", {{"volume", row.name}, {"owner", row.owner}});
    else
      log::warn("a volume stays in quarantine", {{"volume", row.name}, {"error", gone.error()}});
  }
}

net::Task<void> Quarantine::run() {
  co_await end_what_was_begun();
  while (!closing_) {
    co_await let_go();
    co_await net::sleep_for(std::min(kLookEvery, std::max(options_.retention, Millis{1000})));
  }
}

}  // namespace brig::volume
