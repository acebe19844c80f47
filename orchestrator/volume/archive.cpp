#include "volume/archive.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::volume {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "BRIGVOL1";
constexpr std::size_t kPiece = 1u << 20;
constexpr std::size_t kHead = 3 * 8 + 32;
constexpr int kLevel = 3;

using Sum = std::array<unsigned char, 32>;
using Bytes = std::vector<char>;

Error failed(int err, std::string_view doing, const fs::path& path) {
  return errno_error(err, std::string(doing) + " " + quoted(path.native(), 256), "volume: archive");
}

Error damaged(const fs::path& path, std::uint64_t at) {
  return Error{Code::corrupt,
               "the archive " + quoted(path.native(), 256) + " is damaged at byte " + std::to_string(at) +
                   ": its checksum does not fit; nothing of it was taken",
               "volume: archive", false};
}

// All of it, or an error; `max` bytes may be fewer only at the end of the file.
Result<std::size_t> read_at(int fd, char* to, std::size_t max, std::uint64_t at, const fs::path& path) {
  std::size_t have = 0;
  while (have < max) {
    auto n = ::pread(fd, to + have, max - have, static_cast<off_t>(at + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno, "cannot read", path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Result<void> write_at(int fd, const char* from, std::size_t size, std::uint64_t at, const fs::path& path) {
  while (size > 0) {
    auto n = ::pwrite(fd, from, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno, "cannot write", path);
    from += n;
    size -= static_cast<std::size_t>(n);
    at += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> sync(int fd, const fs::path& path) {
  if (::fsync(fd) != 0) return failed(errno, "cannot write", path);
  UniqueFd directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return failed(errno, "cannot write", path.parent_path());
  return {};
}

void put(char* to, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<char>(number >> (8 * i));
}

std::uint64_t get(const char* from) {
  std::uint64_t out = 0;
  for (int i = 7; i >= 0; --i) out = out << 8 | static_cast<unsigned char>(from[i]);
  return out;
}

// Of a piece as it stands in the archive: nothing is unpacked that is not as it was written.
Sum sum_of(const Sum& before, std::uint64_t offset, std::uint64_t length, std::string_view packed) {
  char place[16];
  put(place, offset);
  put(place + 8, length);
  crypto_generichash_state state;
  Sum out;
  crypto_generichash_init(&state, nullptr, 0, out.size());
  crypto_generichash_update(&state, before.data(), before.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(place), sizeof place);
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(packed.data()), packed.size());
  crypto_generichash_final(&state, out.data(), out.size());
  return out;
}

// What of the file is no hole, piece by piece, at offsets that depend on the file alone.
class Pieces {
 public:
  Pieces(int fd, const fs::path& path) : fd_(fd), path_(path) {}

  Result<std::uint64_t> size() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) return failed(errno, "cannot look at", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }
  // False at the end. Pieces of zeros are left out: where a hole ends is the file system's to say.
  Result<bool> next(std::uint64_t& offset, Bytes& bytes) {
    BRIG_TRY(auto whole, size());
    while (at_ < whole) {
      auto data = ::lseek(fd_, static_cast<off_t>(at_), SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;
      if (data < 0) return failed(errno, "cannot read", path_);
      at_ = std::max(at_, static_cast<std::uint64_t>(data) / kPiece * kPiece);
      bytes.resize(std::min<std::uint64_t>(kPiece, whole - at_));
      BRIG_TRY(auto have, read_at(fd_, bytes.data(), bytes.size(), at_, path_));
      if (have < bytes.size())
        return Error{Code::conflict, quoted(path_.native(), 256) + " became shorter while it was read",
                     "volume: archive", false};
      offset = at_;
      at_ += have;
      if (std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0; })) return true;
    }
    return false;
  }

 private:
  int fd_;
  const fs::path& path_;
  std::uint64_t at_ = 0;
};

struct Piece {
  std::uint64_t offset = 0;
  Bytes bytes;            // none: it is the last one
  std::uint64_t end = 0;  // in the archive, behind it
};

// Reads pieces and believes none of them.
class Reader {
 public:
  Reader(int fd, const fs::path& path) : fd_(fd), path_(path) {}

  Result<Piece> next() {
    if (at_ == 0) {
      char magic[kMagic.size()];
      BRIG_TRY(auto have, read_at(fd_, magic, sizeof magic, 0, path_));
      if (have < sizeof magic || std::string_view(magic, sizeof magic) != kMagic) return damaged(path_, 0);
      at_ = kMagic.size();
    }
    char head[kHead];
    BRIG_TRY(auto have, read_at(fd_, head, sizeof head, at_, path_));
    if (have < sizeof head) return damaged(path_, at_);
    Piece out;
    out.offset = get(head);
    auto length = get(head + 8), packed = get(head + 16);
    if (length > kPiece || packed > ZSTD_compressBound(kPiece)) return damaged(path_, at_);
    Bytes in(packed);
    BRIG_TRY(auto read, read_at(fd_, in.data(), in.size(), at_ + kHead, path_));
    auto sum = sum_of(sum_, out.offset, length, {in.data(), in.size()});
    if (read != packed || std::memcmp(sum.data(), head + 24, sum.size()) != 0) return damaged(path_, at_);
    out.bytes.resize(length);
    if (length > 0 && ZSTD_decompress(out.bytes.data(), length, in.data(), in.size()) != length)
      return damaged(path_, at_);
    sum_ = sum;
    at_ += kHead + packed;
    out.end = at_;
    return out;
  }
  std::uint64_t position() const { return at_; }
  const Sum& sum() const { return sum_; }

 private:
  int fd_;
  const fs::path& path_;
  std::uint64_t at_ = 0;
  Sum sum_{};
};

class Pace {
 public:
  Pace(const ArchiveControl& control, std::uint64_t whole)
      : control_(control), whole_(std::max<std::uint64_t>(1, whole)) {}

  Result<void> step(std::uint64_t offset, std::size_t bytes) {
    if (control_.cancelled && control_.cancelled->load())
      return Error{Code::cancelled, "it was given up before it was archived", "volume: archive", true};
    if (control_.progress) control_.progress(static_cast<double>(offset) / static_cast<double>(whole_));
    read_ += bytes;
    if (control_.bytes_per_second > 0) {
      auto due = began_ + std::chrono::microseconds(read_ * 1'000'000 / control_.bytes_per_second);
      std::this_thread::sleep_until(due);
    }
    return {};
  }

 private:
  const ArchiveControl& control_;
  std::uint64_t whole_;
  std::uint64_t read_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

class Writer {
 public:
  Writer(int fd, const fs::path& path, std::uint64_t at, const Sum& sum)
      : fd_(fd), path_(path), at_(at), sum_(sum), out_(kHead + ZSTD_compressBound(kPiece)) {}

  Result<void> add(std::uint64_t offset, std::string_view bytes) {
    std::size_t packed = 0;
    if (!bytes.empty()) {
      packed = ZSTD_compress(out_.data() + kHead, out_.size() - kHead, bytes.data(), bytes.size(), kLevel);
      if (ZSTD_isError(packed))
        return Error{Code::internal, std::string("zstd: ") + ZSTD_getErrorName(packed), "volume: archive",
                     false};
    }
    sum_ = sum_of(sum_, offset, bytes.size(), {out_.data() + kHead, packed});
    put(out_.data(), offset);
    put(out_.data() + 8, bytes.size());
    put(out_.data() + 16, packed);
    std::memcpy(out_.data() + 24, sum_.data(), sum_.size());
    BRIG_CHECK(write_at(fd_, out_.data(), kHead + packed, at_, path_));
    at_ += kHead + packed;
    return {};
  }
  std::uint64_t position() const { return at_; }

 private:
  int fd_;
  const fs::path& path_;
  std::uint64_t at_;
  Sum sum_;
  Bytes out_;
};

// What an archive that was begun has of the file, as long as both say the same; the rest is cut off.
struct Begun {
  std::uint64_t end = 0;  // in the archive
  Sum sum{};
  std::optional<std::uint64_t> first;  // the file's first piece that is not in it
  bool whole = false;
};

Result<Begun> compare(int file, const fs::path& file_path, int archive, const fs::path& archive_path,
                      const ArchiveControl& control) {
  Pieces pieces(file, file_path);
  Reader reader(archive, archive_path);
  BRIG_TRY(auto whole, pieces.size());
  Pace pace(control, whole);
  Begun out;
  std::uint64_t offset = 0;
  Bytes bytes;
  while (true) {
    BRIG_TRY(bool more, pieces.next(offset, bytes));
    auto piece = reader.next();
    if (!piece && piece.error().code != Code::corrupt) return piece.error();
    bool same = piece && (more ? piece->offset == offset && piece->bytes == bytes
                               : piece->offset == whole && piece->bytes.empty());
    if (same && !more) {
      struct stat status {};
      out.whole = ::fstat(archive, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == piece->end;
      if (out.whole) out.end = piece->end;  // else the last piece is written again, and nothing behind it
      return out;
    }
    if (!same) {
      if (more) out.first = offset;
      return out;
    }
    out.end = piece->end;
    out.sum = reader.sum();
    BRIG_CHECK(pace.step(offset, bytes.size()));
  }
}

}  // namespace

Result<std::uint64_t> write_archive(const fs::path& file, const fs::path& archive,
                                    const ArchiveControl& control) {
  UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return failed(errno, "cannot open", file);
  UniqueFd out(::open(archive.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return failed(errno, "cannot make", archive);
  ArchiveControl quiet = control;
  quiet.progress = nullptr;
  BRIG_TRY(auto begun, compare(in.get(), file, out.get(), archive, quiet));
  if (!begun.whole) {
    if (begun.end == 0) begun.end = kMagic.size();
    if (::ftruncate(out.get(), static_cast<off_t>(begun.end)) != 0)
      return failed(errno, "cannot cut", archive);
    BRIG_CHECK(write_at(out.get(), kMagic.data(), kMagic.size(), 0, archive));
    Pieces pieces(in.get(), file);
    BRIG_TRY(auto whole, pieces.size());
    Pace pace(control, whole);
    Writer writer(out.get(), archive, begun.end, begun.sum);
    std::uint64_t offset = 0;
    Bytes bytes;
    while (true) {
      BRIG_TRY(bool more, pieces.next(offset, bytes));
      if (!more) break;
      if (!begun.first || offset < *begun.first) continue;
      BRIG_CHECK(writer.add(offset, {bytes.data(), bytes.size()}));
      BRIG_CHECK(pace.step(offset, bytes.size()));
    }
    BRIG_CHECK(writer.add(whole, {}));
    BRIG_CHECK(sync(out.get(), archive));
    // From the disk, not from the cache.
    (void)::posix_fadvise(out.get(), 0, 0, POSIX_FADV_DONTNEED);
    BRIG_TRY(begun, compare(in.get(), file, out.get(), archive, quiet));
    if (!begun.whole)
      return Error{
          Code::internal,
          "the archive " + quoted(archive.native(), 256) + " is not what was archived; check the disk",
          "volume: archive", false};
  }
  BRIG_CHECK(sync(out.get(), archive));
  return begun.end;
}

Result<std::uint64_t> check_archive(const fs::path& archive) {
  UniqueFd in(::open(archive.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return failed(errno, "cannot open", archive);
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) return failed(errno, "cannot look at", archive);
  Reader reader(in.get(), archive);
  while (true) {
    BRIG_TRY(auto piece, reader.next());
    if (!piece.bytes.empty()) continue;
    if (piece.end != static_cast<std::uint64_t>(status.st_size)) return damaged(archive, piece.end);
    return piece.end;
  }
}

Result<void> read_archive(const fs::path& archive, const fs::path& file, const ArchiveControl& control) {
  UniqueFd in(::open(archive.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return failed(errno, "cannot open", archive);
  auto unfinished = file;
  unfinished += ".new";
  UniqueFd out(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return failed(errno, "cannot make", unfinished);
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) return failed(errno, "cannot look at", archive);
  auto length = static_cast<std::uint64_t>(status.st_size);
  auto unpack = [&]() -> Result<void> {
    Reader reader(in.get(), archive);
    Pace pace(control, length);
    while (true) {
      BRIG_TRY(auto piece, reader.next());
      if (piece.bytes.empty()) {
        if (piece.end != length) return damaged(archive, piece.end);
        if (::ftruncate(out.get(), static_cast<off_t>(piece.offset)) != 0)
          return failed(errno, "cannot size", unfinished);
        return {};
      }
      BRIG_CHECK(write_at(out.get(), piece.bytes.data(), piece.bytes.size(), piece.offset, unfinished));
      BRIG_CHECK(pace.step(piece.end, piece.bytes.size()));
    }
  };
  auto done = unpack();
  if (done) done = sync(out.get(), unfinished);
  if (done && ::rename(unfinished.c_str(), file.c_str()) != 0) done = failed(errno, "cannot keep", file);
  if (done) return sync(out.get(), file);
  ::unlink(unfinished.c_str());
  return done;
}

}  // namespace brig::volume
