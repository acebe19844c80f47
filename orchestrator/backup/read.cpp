#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "backup/backup.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "tar/extract.hpp"
#include "tar/path.hpp"
#include "volume/framed.hpp"

namespace brig::backup {
namespace {

constexpr std::size_t kMaxManifest = 16 * 1024;
constexpr std::uint64_t kMaxEntries = 100'000;
constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 30;
constexpr std::size_t kPiece = 256 * 1024;

struct Silent final : tar::Extractor::Listener {
  void left_out(const char*, const char*) override {}
  void note(const char*, std::size_t) override {}
};

// A manifest, then files and directories below kTop; nothing else is in a backup.
class Contents final : public tar::Handler {
 public:
  explicit Contents(tar::Extractor* to) : to_(to) {}

  bool on_entry(const tar::Entry& entry) override {
    std::string_view name = entry.name, top = kTop;
    describing_ = entries_++ == 0;
    if (describing_) {
      bool good = entry.kind == tar::Kind::file && name == kManifest && entry.size <= kMaxManifest;
      return good || refuse("is no backup of Brig");
    }
    bool inside = name == top || name.starts_with(std::string(top) + "/");
    bool plain = entry.kind == tar::Kind::file || entry.kind == tar::Kind::directory;
    if (!inside || !plain || !tar::is_inner_path(entry.name))
      return refuse("holds " + quoted(name, 300) + ", which is no part of a backup");
    if (entries_ > kMaxEntries || entry.size > kMaxBytes - bytes_)
      return refuse("holds more than a backup may");
    bytes_ += entry.kind == tar::Kind::file ? entry.size : 0;
    return !to_ || to_->on_entry(entry);
  }
  bool on_data(const char* bytes, std::size_t size) override {
    if (!describing_) return !to_ || to_->on_data(bytes, size);
    text_.append(bytes, size);
    return true;
  }
  bool on_entry_end() override {
    if (!describing_) return !to_ || to_->on_entry_end();
    auto parsed = parse_manifest(text_);
    if (!parsed) refusal_ = parsed.error();
    if (parsed) manifest = std::move(*parsed);
    return !refusal_;
  }
  void on_note(const char*, std::size_t) override { has_notes_ = true; }

  const std::optional<Error>& refusal() const { return refusal_; }
  bool is_described() const { return !text_.empty(); }
  // Of what could not be read when it was made.
  bool has_notes() const { return has_notes_; }
  Manifest manifest;

 private:
  bool refuse(const std::string& why) {
    refusal_ = Error{Code::invalid, "the file " + why + "; nothing was changed", "backup", false};
    return false;
  }
  tar::Extractor* to_;
  bool describing_ = false;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  bool has_notes_ = false;
  std::string text_;
  std::optional<Error> refusal_;
};

}  // namespace

Result<Manifest> read_backup(const std::filesystem::path& file, int into) {
  UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return errno_error(errno, "cannot read " + quoted(file.native(), 300), "backup");
  Silent silent;
  tar::ExtractRule rule{.top = kTop, .rename = "", .hard_links = false, .leaving_links = false};
  auto extractor = into >= 0 ? std::make_unique<tar::Extractor>(into, rule, silent) : nullptr;
  auto cannot_put = [&] {
    const auto& trouble = extractor->trouble();
    return errno_error(trouble.error ? trouble.error : EIO,
                       std::string("cannot ") + trouble.doing + " " + quoted(trouble.path, 300), "backup");
  };
  Contents contents(extractor.get());
  auto tar = std::make_unique<tar::Reader>(contents);
  // Told at the end: if it is damaged, that is why.
  std::optional<Error> trouble;
  std::uint64_t unpacked = 0;
  volume::FrameReader frames([&](std::string_view bytes) -> Result<void> {
    unpacked += bytes.size();
    if (unpacked > kMaxBytes)
      return Error{Code::invalid, "the file holds more than a backup may; nothing was changed", "backup",
                   false};
    if (trouble || tar->feed(bytes.data(), bytes.size())) return {};
    if (contents.refusal())
      trouble = contents.refusal();
    else if (extractor && extractor->trouble().is_set())
      return cannot_put();
    else
      trouble = Error{Code::invalid, "the file is no backup of Brig; nothing was changed", "backup", false};
    return {};
  });
  std::string piece(kPiece, '\0');
  while (true) {
    auto n = ::read(in.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read " + quoted(file.native(), 300), "backup");
    if (n == 0) break;
    BRIG_CHECK(frames.feed(std::string_view(piece).substr(0, static_cast<std::size_t>(n))));
  }
  BRIG_CHECK(frames.finish());
  if (trouble) return *trouble;
  if (!tar->finish()) return frames.damaged("what it holds breaks off");
  if (!contents.is_described()) return frames.damaged("it is empty");
  if (contents.has_notes())
    return Error{Code::invalid, "the backup is not whole: something was not to be read when it was made",
                 "backup", false};
  if (extractor && !extractor->finish()) return cannot_put();
  return contents.manifest;
}

}  // namespace brig::backup
