// Volumes as files: round trips, damage of every kind, and archives by somebody hostile.
#include "volume/portable.hpp"

#include <gmock/gmock.h>

#include <random>

#include "directory.hpp"
#include "tar/extract.hpp"
#include "tar/pack.hpp"

namespace brig::volume {
namespace {

using ::testing::HasSubstr;

const Described kCache{"cache", "", "", 64 << 20, "2026-11-26T05:00:00Z"};

// What `write` puts into an archive of `described`.
template <class Write>
std::string archive_of(const Described& described, Write write) {
  std::string all;
  PortableWriter writer([&](std::string_view bytes) {
    all += bytes;
    return true;
  });
  EXPECT_TRUE(writer.describe(described));
  write(writer);
  EXPECT_TRUE(writer.finish());
  return all;
}

std::string pack(const testing::Directory& directory) {
  return archive_of(kCache, [&](PortableWriter& writer) {
    auto packer = std::make_unique<tar::Packer>(writer);
    EXPECT_TRUE(packer->pack(directory.open().get(), ".", kPortableTop)) << packer->trouble().doing;
  });
}

Result<Described> look_at(std::string_view bytes, std::size_t step = 100'000, PortableBounds bounds = {}) {
  PortableReader reader(bounds, nullptr);
  for (std::size_t at = 0; at < bytes.size(); at += step) BRIG_CHECK(reader.feed(bytes.substr(at, step)));
  BRIG_CHECK(reader.finish());
  return reader.described();
}

struct Silent final : tar::Extractor::Listener {
  void left_out(const char* name, const char*) override { ADD_FAILURE() << name; }
  void note(const char*, std::size_t) override {}
};

TEST(Portable, ComesBackAsItWas) {
  testing::Directory from, to;
  from.put("a", "one");
  from.put("deep/er/b", std::string(3 << 20, 'x') + "end");
  from.put("empty", "");
  ::chmod((from.path() / "a").c_str(), 0750);
  std::filesystem::create_directory(from.path() / "nothing");
  std::filesystem::create_symlink("/usr/bin/python3", from.path() / "python");
  auto bytes = pack(from);
  EXPECT_LT(bytes.size(), 100'000u) << "it is compressed";
  for (std::size_t step : {1u, 7u, 4096u, 10'000'000u}) {
    auto described = look_at(bytes, step);
    ASSERT_TRUE(described) << described.error().message;
    EXPECT_EQ(described->name, "cache");
    EXPECT_EQ(described->bytes, kCache.bytes);
    EXPECT_EQ(described->created, kCache.created);
  }
  auto directory = to.open();
  Silent silent;
  tar::ExtractRule rule{.top = kPortableTop, .rename = "", .hard_links = true, .leaving_links = true};
  auto extractor = std::make_unique<tar::Extractor>(directory.get(), rule, silent);
  PortableReader reader({}, extractor.get());
  ASSERT_TRUE(reader.feed(bytes));
  ASSERT_TRUE(reader.finish());
  ASSERT_TRUE(extractor->finish());
  for (const char* name : {"a", "deep/er/b", "empty"}) EXPECT_EQ(to.get(name), from.get(name)) << name;
  EXPECT_TRUE(std::filesystem::is_directory(to.path() / "nothing"));
  EXPECT_EQ(std::filesystem::read_symlink(to.path() / "python"), "/usr/bin/python3");
  struct stat st {};
  ASSERT_EQ(::stat((to.path() / "a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0750u);
  EXPECT_EQ(st.st_mtim.tv_sec, 1000);
}

TEST(Portable, EveryFlippedBitIsFound) {
  testing::Directory from;
  from.put("a", "one");
  auto good = pack(from);
  ASSERT_TRUE(look_at(good));
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    auto bad = good;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    auto taken = look_at(bad);
    ASSERT_FALSE(taken) << "bit " << i;
    EXPECT_THAT(taken.error().message, HasSubstr("nothing of it was taken"));
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    ASSERT_FALSE(look_at(std::string_view(good).substr(0, size))) << "cut after " << size;
  auto more = look_at(good + "x");
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message, HasSubstr("damaged at byte " + std::to_string(good.size())));
}

// A frame is left out, or stands twice: each is right by itself.
TEST(Portable, PiecesThatFitTogetherElsewhereAreFound) {
  auto fill = [](unsigned seed) {
    return archive_of(kCache, [seed](PortableWriter& writer) {
      tar::Entry entry;
      entry.name = "volume/a";
      entry.size = 4 << 20;
      write_entry(writer, entry);
      std::string content(4 << 20, '\0');
      std::mt19937 random(seed);
      for (auto& c : content) c = static_cast<char>(random());
      writer.write(content.data(), content.size());
      tar::write_end(writer);
    });
  };
  auto x = fill(1), y = fill(2);
  ASSERT_TRUE(look_at(x));
  ASSERT_EQ(x.size(), y.size());
  // Where the third frame begins in both.
  auto frame = x.find(x.substr(0, 4), x.size() / 2);
  ASSERT_NE(frame, x.npos);
  ASSERT_EQ(y.substr(frame, 4), x.substr(0, 4));
  auto taken = look_at(x.substr(0, frame) + y.substr(frame));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::corrupt);
  EXPECT_THAT(taken.error().message, HasSubstr("its checksum does not fit"));
}

TEST(Portable, WhatLeadsOutIsRefused) {
  auto entry = [](tar::Kind kind, const char* name, const char* target = "", std::uint64_t size = 0) {
    tar::Entry out;
    out.kind = kind;
    out.name = name;
    out.target = target;
    out.size = size;
    return out;
  };
  using tar::Kind;
  for (const auto& [bad, says] : std::vector<std::pair<tar::Entry, const char*>>{
           {entry(Kind::file, "volume/../x"), "leads out of the volume"},
           {entry(Kind::file, "/volume/x"), "leads out of the volume"},
           {entry(Kind::file, "other/x"), "leads out of the volume"},
           {entry(Kind::file, "volumes/x"), "leads out of the volume"},
           {entry(Kind::directory, ".."), "leads out of the volume"},
           {entry(Kind::hard_link, "volume/x", "/etc/shadow"), "a hard link that leads out"},
           {entry(Kind::hard_link, "volume/x", "volume/../../etc/shadow"), "a hard link that leads out"},
           {entry(Kind::file, "volume/x", "", 65 << 20), "holds more than the 64"},
       }) {
    auto bytes = archive_of(kCache, [&](PortableWriter& writer) {
      write_entry(writer, bad);
      tar::write_end(writer);
    });
    auto taken = look_at(bytes);
    ASSERT_FALSE(taken) << bad.name;
    EXPECT_EQ(taken.error().code, Code::invalid) << bad.name;
    EXPECT_THAT(taken.error().message, HasSubstr(says)) << bad.name;
  }
  // A device, as tar writes it.
  auto device = archive_of(kCache, [&](PortableWriter& writer) {
    struct Head final : tar::Sink {
      bool write(const char* bytes, std::size_t size) override { return all.append(bytes, size), true; }
      std::string all;
    } head;
    write_entry(head, entry(Kind::file, "volume/null"));
    head.all[156] = '3';
    std::fill_n(&head.all[148], 8, ' ');
    unsigned sum = 0;
    for (unsigned char c : head.all) sum += c;
    std::snprintf(&head.all[148], 8, "%06o", sum);
    writer.write(head.all.data(), head.all.size());
    tar::write_end(writer);
  });
  auto taken = look_at(device);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("device"));
}

TEST(Portable, TooManyEntriesAreRefused) {
  auto bytes = archive_of(kCache, [&](PortableWriter& writer) {
    for (int i = 0; i < 12; ++i) {
      auto name = "volume/" + std::to_string(i);
      tar::Entry entry;
      entry.name = name.c_str();
      write_entry(writer, entry);
    }
    tar::write_end(writer);
  });
  EXPECT_TRUE(look_at(bytes));
  auto taken = look_at(bytes, 4096, {.entries = 10});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("more than 10 files"));
}

TEST(Portable, WhatIsNoVolumeIsRefused) {
  std::string all;
  PortableWriter plain([&](std::string_view bytes) { return all += bytes, true; });
  tar::Entry entry;
  entry.name = "volume/x";
  write_entry(plain, entry);
  tar::write_end(plain);
  ASSERT_TRUE(plain.finish());
  auto taken = look_at(all);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("does not begin with .brig-volume.json"));
  EXPECT_FALSE(look_at("no archive at all"));
  EXPECT_FALSE(look_at(""));
  for (const char* text :
       {"", "[]", "{}", R"({"brig_volume": 1})", R"({"brig_volume": 1, "name": "x"})",
        R"({"brig_volume": 2, "name": "x", "bytes": 1})", R"({"brig_volume": "1", "name": "x", "bytes": 1})",
        R"({"brig_volume": 1, "name": 7, "bytes": 1})", R"({"brig_volume": 1, "name": "x", "bytes": -1})"})
    EXPECT_FALSE(parse_described(text)) << text;
  EXPECT_TRUE(parse_described(text_of(kCache)));
}

}  // namespace
}  // namespace brig::volume
