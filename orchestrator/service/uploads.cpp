#include "service/uploads.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIdBytes = 16;

std::string short_hash(std::string_view text) {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex(std::span<const unsigned char>(digest, 8));
}

std::string mesh_tag(const std::string& mesh) {
  return "-" + short_hash(mesh);
}

std::string tag_of(const std::string& owner, const std::string& mesh) {
  return "-" + short_hash(std::to_string(owner.size()) + ":" + owner + mesh) + mesh_tag(mesh);
}

Error no_upload(const std::string& id) {
  return {Code::not_found,
          "there is no upload " + quoted(id) +
              " of yours in this mesh; one is kept for an hour, and until it is deployed: hand it in again",
          "service: upload", false};
}

bool is_id(std::string_view id) {
  return id.size() == 2 * kIdBytes && id.find_first_not_of("0123456789abcdef") == id.npos;
}

struct Kept {
  fs::path path;
  std::string name;
  bool old = false;  // nobody came back for it
};

std::vector<Kept> list(const fs::path& root) {
  std::vector<Kept> out;
  std::error_code ec;
  auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator it(root, ec), end; !ec && it != end; it.increment(ec)) {
    auto written = fs::last_write_time(it->path(), ec);
    out.push_back({it->path(), it->path().filename().string(), !ec && now - written > Uploads::kKept});
    ec.clear();
  }
  return out;
}

Error no_room(const std::string& what) {
  return {Code::conflict, what, "service: upload", true};
}

Result<void> make_room(const fs::path& root, const std::string& owner, const std::string& mesh) {
  std::error_code ec;
  fs::create_directories(root, ec);
  fs::permissions(root, fs::perms::owner_all, ec);
  if (ec) return errno_error(ec.value(), "cannot keep uploads", "service: upload");
  std::size_t all = 0, of_mesh = 0, own = 0;
  for (const auto& kept : list(root)) {
    if (kept.old && fs::remove(kept.path, ec)) continue;
    ++all;
    of_mesh += kept.name.ends_with(mesh_tag(mesh));
    own += kept.name.ends_with(tag_of(owner, mesh));
  }
  if (own >= Uploads::kMostOfOne)
    return no_room(
        "8 uploads of yours wait to be deployed in this mesh already; deploy them, or wait an hour");
  if (of_mesh >= Uploads::kMostOfMesh)
    return no_room("24 uploads wait to be deployed in mesh " + quoted(mesh) +
                   " already, with those of others; have them deployed, or wait an hour");
  if (all >= Uploads::kMostOfAll)
    return no_room("too many uploads wait to be deployed; try again in an hour");
  return {};
}

}  // namespace

class Uploads::Incoming final : public Upload {
 public:
  Incoming(net::Worker& blocking, fs::path root, std::string id, const std::string& tag, UniqueFd file)
      : blocking_(blocking),
        root_(std::move(root)),
        id_(std::move(id)),
        name_(id_ + tag),
        file_(std::make_shared<UniqueFd>(std::move(file))) {}
  ~Incoming() override {
    if (!done_) ::unlink((root_ / ("." + name_)).c_str());
  }

  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    if (bytes.size() > kMost - bytes_)
      co_return Error{Code::too_large, "an upload is at most 64 MiB; leave out what is installed anyway",
                      "service: upload", false};
    bytes_ += bytes.size();
    auto work = [file = file_, bytes = std::vector(bytes.begin(), bytes.end())]() -> Result<void> {
      for (std::size_t at = 0; at < bytes.size();) {
        auto written = ::write(file->get(), bytes.data() + at, bytes.size() - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno_error(errno, "the upload cannot be kept", "service: upload");
        at += static_cast<std::size_t>(written);
      }
      return {};
    };
    co_return co_await blocking_.run(std::move(work));
  }

  net::Task<Result<Uploaded>> finish() override {
    if (bytes_ == 0) co_return Error{Code::invalid, "the upload is empty", "service: upload", false};
    auto work = [file = file_, from = root_ / ("." + name_), to = root_ / name_]() -> Result<void> {
      if (::fsync(file->get()) != 0 || ::rename(from.c_str(), to.c_str()) != 0)
        return errno_error(errno, "the upload cannot be kept", "service: upload");
      return {};
    };
    BRIG_CO_CHECK(co_await blocking_.run(std::move(work)));
    done_ = true;
    co_return Uploaded{id_, bytes_};
  }

 private:
  net::Worker& blocking_;
  fs::path root_;
  std::string id_;
  std::string name_;
  std::shared_ptr<UniqueFd> file_;
  std::uint64_t bytes_ = 0;
  bool done_ = false;
};

net::Task<Result<std::unique_ptr<Upload>>> Uploads::begin(std::string owner, std::string mesh) {
  auto tag = tag_of(owner, mesh);
  auto id = random_hex(kIdBytes);
  auto work = [root = root_, owner, mesh, name = "." + id + tag]() -> Result<UniqueFd> {
    BRIG_CHECK(make_room(root, owner, mesh));
    auto path = root / name;
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return errno_error(errno, "the upload cannot be kept", "service: upload");
    return file;
  };
  BRIG_CO_TRY(auto file, co_await blocking_.run(std::move(work)));
  auto incoming = std::make_unique<Incoming>(blocking_, root_, std::move(id), tag, std::move(file));
  co_return std::unique_ptr<Upload>(std::move(incoming));
}

net::Task<Result<std::string>> Uploads::claim(std::string owner, std::string mesh, std::string id) {
  if (!is_id(id)) co_return no_upload(id);
  auto name = id + tag_of(owner, mesh);
  auto work = [path = root_ / name] {
    return ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  };
  auto touched = co_await blocking_.run(std::move(work));
  if (touched != 0) co_return no_upload(id);
  co_return name;
}

net::Task<Result<UniqueFd>> Uploads::open(std::string kept) {
  auto work = [path = root_ / kept, kept]() -> Result<UniqueFd> {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) return no_upload(kept.substr(0, kept.find('-')));
    return file;
  };
  co_return co_await blocking_.run(std::move(work));
}

net::Task<void> Uploads::remove(std::string kept) {
  auto work = [path = root_ / kept] { return ::unlink(path.c_str()) == 0 ? 0 : errno; };
  auto failed = co_await blocking_.run(std::move(work));
  if (failed != 0 && failed != ENOENT)
    log::warn("an upload is left for an hour", {{"file", kept}, {"error", std::strerror(failed)}});
}

net::Task<void> Uploads::clear(std::set<std::string> needed) {
  auto work = [root = root_, needed = std::move(needed)] {
    std::error_code ec;
    for (const auto& kept : list(root)) {
      if (needed.contains(kept.name))
        fs::last_write_time(kept.path, fs::file_time_type::clock::now(), ec);
      else if (kept.name.starts_with(".") || kept.old)
        fs::remove(kept.path, ec);
    }
    return true;
  };
  (void)co_await blocking_.run(std::move(work));
}

}  // namespace brig::service
