#include "volume/carry.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "core/text.hpp"
#include "core/units.hpp"
#include "tar/extract.hpp"
#include "tar/pack.hpp"
#include "volume/files.hpp"
#include "workspace/disk_image.hpp"
#include "workspace/mounter.hpp"

namespace brig::volume {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 256 * 1024;

Error failed(int err, std::string_view doing, const fs::path& path) {
  return errno_error(err, std::string(doing) + " " + quoted(path.native(), 256), "volume: carry");
}

Error trouble_of(const tar::Trouble& trouble) {
  if (trouble.error == 0)
    return Error{Code::invalid, "the archive cannot be taken in: " + std::string(trouble.doing),
                 "volume: import", false};
  auto error =
      errno_error(trouble.error, std::string("cannot ") + trouble.doing + " " + quoted(trouble.path, 300),
                  "volume: import");
  if (error.code == Code::exhausted) error.message += "; the volume is full";
  return error;
}

// What is not there is not needed: the archive's links are links, and its notes were for whoever wrote it.
struct Silent final : tar::Extractor::Listener {
  void left_out(const char*, const char*) override {}
  void note(const char*, std::size_t) override {}
};

}  // namespace

Result<void> copy_volume(const fs::path& from, const fs::path& to) {
  if (!workspace::has_disk_image(from)) {
    return Error{
        Code::unsupported,
        "the volume is a plain directory of an earlier Brig, of which there is no copy of one moment; copy "
        "its files with `docker run`",
        "volume: carry", false};
  }
  if (::mkdir(to.c_str(), 0700) != 0) return failed(errno, "cannot make", to);
  BRIG_CHECK(workspace::copy_disk_image(from, to));
  return {};
}

struct Export::State {
  ~State() {
    ours.reset();  // then the other end takes no more
    if (packing.joinable()) packing.join();
  }
  void pack();

  Described described;
  UniqueFd content;  // on a mount that is attached nowhere
  UniqueFd ours, theirs;
  std::thread packing;
  Result<void> done;  // once `packing` has ended
};

void Export::State::pack() {
  auto send = [this](std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = ::send(theirs.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  };
  PortableWriter writer(send);
  auto packer = std::make_unique<tar::Packer>(writer);
  bool good = writer.describe(described) && packer->pack(content.get(), ".", kPortableTop) && writer.finish();
  if (!good) {
    done = packer->trouble().is_set()
               ? trouble_of(packer->trouble())
               : Error{Code::cancelled, "nobody takes the archive any more", "volume: export", true};
  }
  theirs.reset();
}

Export::Export(std::unique_ptr<State> state) : state_(std::move(state)) {}
Export::~Export() = default;

Result<std::unique_ptr<Export>> Export::begin(const fs::path& volume, const fs::path& scratch,
                                              Described described) {
  auto state = std::make_unique<State>();
  state->described = std::move(described);
  auto copied = copy_volume(volume, scratch);
  if (copied) {
    auto mount = workspace::mount_existing_disk_image(scratch, MOUNT_ATTR_RDONLY);
    if (mount) {
      state->content.reset(::openat(mount->get(), "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!state->content) copied = failed(errno, "cannot open the copy of", volume);
    } else {
      copied = mount.error();
    }
  }
  // The mount keeps what it needs of it.
  auto gone = workspace::destroy(scratch);
  BRIG_CHECK(copied);
  BRIG_CHECK(gone);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_error(errno, "cannot make a pair of sockets", "volume: export");
  state->ours.reset(ends[0]);
  state->theirs.reset(ends[1]);
  state->packing = std::thread([raw = state.get()] { raw->pack(); });
  return std::unique_ptr<Export>(new Export(std::move(state)));
}

Result<std::string> Export::next() {
  std::string piece(kPiece, '\0');
  std::size_t have = 0;
  while (have < piece.size()) {
    auto n = ::recv(state_->ours.get(), piece.data() + have, piece.size() - have, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read the archive", "volume: export");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  piece.resize(have);
  if (have > 0) return piece;
  if (state_->packing.joinable()) state_->packing.join();
  BRIG_CHECK(state_->done);
  return piece;
}

Result<std::unique_ptr<Import>> Import::begin(const fs::path& directory, std::uint64_t most) {
  UniqueFd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return failed(errno, "cannot make a file in", directory);
  return std::unique_ptr<Import>(new Import(std::move(file), most));
}

Result<void> Import::add(std::string_view bytes) {
  if (bytes.size() > most_ - size_) {
    return Error{
        Code::too_large,
        "the archive has more than " + format_size(most_) + ", which is more than any volume may hold",
        "volume: import", false};
  }
  BRIG_CHECK(reader_.feed(bytes));
  while (!bytes.empty()) {
    auto n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      auto error = errno_error(errno, "cannot keep the archive", "volume: import");
      if (error.code == Code::exhausted) error.message += "; free space in the state directory";
      return error;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    size_ += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<Described> Import::finish() {
  BRIG_CHECK(reader_.finish());
  return reader_.described();
}

Result<void> Import::put_into_new(const fs::path& volume, std::uint64_t bytes) const {
  BRIG_CHECK(make_volume(volume, bytes, "", "", true));
  auto data = volume / "data";
  UniqueFd directory(::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return failed(errno, "cannot open", data);
  Silent silent;
  tar::ExtractRule rule{.top = kPortableTop, .rename = "", .hard_links = true, .leaving_links = true};
  auto extractor = std::make_unique<tar::Extractor>(directory.get(), rule, silent);
  PortableReader reader({}, extractor.get());
  std::string piece(kPiece, '\0');
  for (std::uint64_t at = 0; at < size_;) {
    auto n = ::pread(file_.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error(n < 0 ? errno : EIO, "cannot read the archive again", "volume: import");
    at += static_cast<std::uint64_t>(n);
    auto fed = reader.feed(std::string_view(piece).substr(0, static_cast<std::size_t>(n)));
    if (!fed && extractor->trouble().is_set()) return trouble_of(extractor->trouble());
    BRIG_CHECK(fed);
  }
  BRIG_CHECK(reader.finish());
  if (!extractor->finish()) return trouble_of(extractor->trouble());
  BRIG_CHECK(make_volume(volume, bytes, "", "", true));  // what was put there becomes the sandbox's user's
  if (::syncfs(directory.get()) != 0) return failed(errno, "cannot write", data);
  return {};
}

}  // namespace brig::volume
