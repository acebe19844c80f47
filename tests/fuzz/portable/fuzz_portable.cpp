// A volume's archive from anyone: however it is cut it means the same. The first byte chooses the cut; with
// its highest bit the rest is what an archive holds, packed as it should be, so that the fuzzer gets past the
// checksums.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "volume/portable.hpp"

namespace {

using namespace brig;
using namespace brig::volume;

struct Told final : tar::Handler {
  bool on_entry(const tar::Entry& entry) override {
    all += std::string(entry.name) + "|" + entry.target + "|" + std::to_string(entry.size) + "\n";
    return true;
  }
  bool on_data(const char* bytes, std::size_t size) override {
    all.append(bytes, size);
    return true;
  }
  bool on_entry_end() override { return true; }
  void on_note(const char*, std::size_t) override {}
  std::string all;
};

// What it was, if it was anything.
std::string read_all(std::string_view bytes, std::size_t step) {
  Told told;
  PortableReader reader({.entries = 1000, .bytes = 1 << 20}, &told);
  for (std::size_t at = 0; at < bytes.size(); at += step)
    if (!reader.feed(bytes.substr(at, step))) return {};
  if (!reader.finish()) return {};
  if (!parse_described(text_of(reader.described()))) std::abort();
  return "whole: " + reader.described().name + "\n" + told.all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::size_t step = 1 + (data[0] & 0x7f);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string packed;
  if ((data[0] & 0x80) != 0) {
    PortableWriter writer([&](std::string_view bytes) {
      packed += bytes;
      return true;
    });
    if (!writer.describe({"fuzz", "", "", 1 << 20, ""}) || !writer.write(rest.data(), rest.size()) ||
        !writer.finish())
      std::abort();
    rest = packed;
  }
  if (read_all(rest, step) != read_all(rest, rest.size() + 1)) std::abort();
  return 0;
}
