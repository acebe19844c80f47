// What an engine tells of a build or a pull: however the bytes are cut into pieces, the same is told, all of
// it fit for a terminal. The first byte says how they are cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/text.hpp"
#include "docker/progress.hpp"

namespace {

using brig::docker::Progress;

bool is_line(const std::string& text) {
  return brig::is_utf8(text) && text.find_first_of("\n\r\x1b") == text.npos;
}

struct Told {
  std::string all;
  bool failed = false;
  std::string error;
};

Told read(std::string_view bytes, std::size_t step) {
  Told told;
  auto tell = [&told](const Progress& p) {
    if (!is_line(p.status) || !is_line(p.id) || !brig::is_utf8(p.text) ||
        p.text.find('\x1b') != p.text.npos) {
      std::abort();
    }
    told.all += p.id + "|" + p.status + "|" + p.text + "|" + std::to_string(p.current) + "\n";
  };
  brig::docker::ProgressReader reader("build", tell);
  while (!bytes.empty() && !told.failed) {
    std::string piece(bytes.substr(0, step));
    bytes.remove_prefix(piece.size());
    told.failed = !reader.feed(piece);
  }
  if (told.failed) return told;
  auto result = reader.result();
  if (!result) {
    told.error = result.error().message;
    if (!is_line(told.error) || told.error.size() > 8192) std::abort();
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  Told cut = read(bytes, std::size_t{data[0]} + 1);
  Told whole = read(bytes, size);
  if (cut.all != whole.all || cut.failed != whole.failed || cut.error != whole.error) std::abort();
  return 0;
}
