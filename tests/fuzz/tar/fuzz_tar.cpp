// An archive from a hostile sandbox, read and put into a directory: however it is cut it means the same, and
// nothing appears outside of the directory. The first byte chooses the rule and the cut.
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "tar/extract.hpp"

namespace {

namespace fs = std::filesystem;
using namespace brig::tar;

struct Silent final : Extractor::Listener {
  void left_out(const char*, const char*) override {}
  void note(const char*, std::size_t) override {}
};

// What a reader is told, as text.
struct Told final : Handler {
  bool on_entry(const Entry& entry) override {
    all += std::string(entry.name) + "|" + entry.target + "|" + std::to_string(entry.size) + "\n";
    return true;
  }
  bool on_data(const char* bytes, std::size_t size) override {
    all.append(bytes, size);
    return true;
  }
  bool on_entry_end() override { return true; }
  void on_note(const char* text, std::size_t size) override { all.append(text, size); }
  std::string all;
};

std::string read_all(std::string_view bytes, std::size_t step) {
  Told told;
  auto reader = std::make_unique<Reader>(told);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto piece = bytes.substr(at, step);
    if (!reader->feed(piece.data(), piece.size())) return told.all + "!" + reader->trouble().doing;
  }
  return told.all + (reader->finish() ? "." : "?");
}

// top/out is the place; top/keep must stay as it is, and alone.
struct Place {
  Place() {
    char name[] = "/tmp/brig-fuzz-tar-XXXXXX";
    top = ::mkdtemp(name);
    fs::create_directory(top / "out");
    fs::create_directory(top / "keep");
  }
  ~Place() {
    ::chmod(top.c_str(), 0700);
    for (auto it = fs::recursive_directory_iterator(top, fs::directory_options::skip_permission_denied);
         it != fs::recursive_directory_iterator(); ++it) {
      if (it->is_directory() && !it->is_symlink()) ::chmod(it->path().c_str(), 0700);
    }
    std::error_code ec;
    fs::remove_all(top, ec);
  }
  fs::path top;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::size_t step = 1 + data[0] / 4;
  if (read_all(bytes, step) != read_all(bytes, bytes.size() + 1)) std::abort();

  Place place;
  int fd = ::open((place.top / "out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ExtractRule rule;
  bool inside = data[0] % 2 == 0;  // as in a sandbox, else as on the caller's machine
  rule.hard_links = rule.leaving_links = inside;
  if (data[0] % 4 >= 2) {
    rule.top = "t";
    rule.rename = "n";
  }
  {
    Silent silent;
    Extractor extractor(fd, rule, silent);
    auto reader = std::make_unique<Reader>(extractor);
    if (reader->feed(bytes.data(), bytes.size()) && reader->finish()) extractor.finish();
  }
  ::close(fd);
  int entries = 0;
  for (const auto& entry : fs::directory_iterator(place.top)) entries += entry.exists() ? 1 : 1;
  if (entries != 2 || !fs::is_empty(place.top / "keep")) std::abort();
  if (rule.rename) {
    for (const auto& entry : fs::directory_iterator(place.top / "out")) {
      if (entry.path().filename() != rule.rename) std::abort();
    }
  }
  return 0;
}
