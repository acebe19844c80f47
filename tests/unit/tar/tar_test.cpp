// Archives in any piece size from anyone, and what may not get out of a directory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/random.hpp"
#include "core/unique_fd.hpp"
#include "tar/extract.hpp"
#include "tar/pack.hpp"
#include "tar/place.hpp"

namespace brig::tar {
namespace {

namespace fs = std::filesystem;

struct Text final : Sink {
  bool write(const char* bytes, std::size_t size) override {
    all.append(bytes, size);
    return true;
  }
  std::string all;
};

struct Noted final : Extractor::Listener {
  void left_out(const char* name, const char* target) override {
    links.push_back(std::string(name) + " -> " + target);
  }
  void note(const char* text, std::size_t size) override { notes.emplace_back(text, size); }
  std::vector<std::string> links;
  std::vector<std::string> notes;
};

class Tar : public testing::Test {
 protected:
  Tar() {
    fs::create_directories(dir / "in");
    fs::create_directories(dir / "out");
  }
  ~Tar() override {
    std::error_code ec;
    fs::remove_all(dir, ec);
  }
  void put(const std::string& name, std::string_view content) {
    std::ofstream(dir / name, std::ios::binary) << content;
  }
  std::string get(const std::string& name) {
    std::ifstream in(dir / name, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  }
  // "" if all went well, else the trouble.
  std::string extract(const std::string& archive, ExtractRule rule = {}, std::size_t step = 1 << 20) {
    UniqueFd fd(::open((dir / "out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Extractor extractor(fd.get(), rule, noted);
    auto reader = std::make_unique<Reader>(extractor);
    bool fine = true;
    for (std::size_t at = 0; fine && at < archive.size(); at += step) {
      auto piece = std::string_view(archive).substr(at, step);
      fine = reader->feed(piece.data(), piece.size());
    }
    if (fine && reader->finish() && extractor.finish()) return "";
    extractor.abandon();
    const auto& trouble = extractor.trouble().is_set() ? extractor.trouble() : reader->trouble();
    return std::string(trouble.doing) + ": " + trouble.path;
  }
  bool out_is_empty() { return fs::is_empty(dir / "out"); }

  fs::path dir = fs::temp_directory_path() / ("brig-tar-" + random_hex(6));
  Noted noted;
};

std::string one(Kind kind, const std::string& name, const std::string& content = "",
                const std::string& target = "", std::uint32_t mode = 0644) {
  Text out;
  Entry entry;
  entry.kind = kind;
  entry.name = name.c_str();
  entry.target = target.c_str();
  entry.size = content.size();
  entry.mode = mode;
  write_entry(out, entry);
  out.write(content.data(), content.size());
  write_padding(out, content.size());
  return out.all;
}

std::string ended(std::string entries) {
  return std::move(entries) + std::string(1024, '\0');
}

TEST_F(Tar, WhatIsPackedComesOutTheSameHoweverItIsCut) {
  fs::create_directories(dir / "in" / std::string(120, 'd') / std::string(120, 'e'));
  put("in/" + std::string(120, 'd') + "/" + std::string(120, 'e') + "/f", std::string(70'000, 'x'));
  put("in/\xff\xfe", "bytes");
  put("in/empty", "");
  fs::create_symlink(std::string(150, 't'), dir / "in" / "link");
  ASSERT_EQ(::chmod((dir / "in" / "empty").c_str(), 0751), 0);
  Text packed;
  auto packer = std::make_unique<Packer>(packed);
  ASSERT_TRUE(packer->pack(AT_FDCWD, (dir / "in").c_str(), "in")) << packer->trouble().path;
  for (std::size_t step : {std::size_t{1}, std::size_t{511}, std::size_t{100'000}}) {
    fs::remove_all(dir / "out");
    fs::create_directories(dir / "out");
    EXPECT_EQ(extract(packed.all, {.top = "in", .rename = "new"}, step), "") << step;
    EXPECT_EQ(get("out/new/" + std::string(120, 'd') + "/" + std::string(120, 'e') + "/f"),
              std::string(70'000, 'x'));
    EXPECT_EQ(get("out/new/\xff\xfe"), "bytes");
    EXPECT_EQ(fs::read_symlink(dir / "out/new/link"), std::string(150, 't'));
    EXPECT_EQ(static_cast<unsigned>(fs::status(dir / "out/new/empty").permissions()), 0751u);
  }
}

TEST_F(Tar, WhatCannotBePackedIsNoted) {
  ASSERT_EQ(::mkfifo((dir / "in" / "pipe").c_str(), 0600), 0);
  Text packed;
  auto packer = std::make_unique<Packer>(packed);
  ASSERT_TRUE(packer->pack(AT_FDCWD, (dir / "in").c_str(), "."));
  EXPECT_EQ(extract(packed.all, {.top = ".", .rename = ""}), "");
  ASSERT_EQ(noted.notes.size(), 1u);
  EXPECT_NE(noted.notes[0].find("'./pipe'"), std::string::npos) << noted.notes[0];
  Text nothing;
  auto missing = std::make_unique<Packer>(nothing);
  EXPECT_FALSE(missing->pack(AT_FDCWD, (dir / "nope").c_str(), "nope"));
  EXPECT_EQ(missing->trouble().error, ENOENT);
  EXPECT_EQ(nothing.all, "");
}

TEST_F(Tar, NothingGetsOut) {
  put("victim", "old");
  const std::string bad[] = {
      one(Kind::file, "/etc/x", "new"),           one(Kind::file, "../victim", "new"),
      one(Kind::file, "a/../../victim", "new"),   one(Kind::file, "..", "new"),
      one(Kind::hard_link, "h", "", "../victim"), one(Kind::hard_link, "h", "", "/etc/passwd"),
      one(Kind::file, std::string(300, 'n'), ""), one(Kind::directory, "../d", ""),
  };
  for (const auto& entry : bad) {
    EXPECT_NE(extract(ended(entry), {.hard_links = true, .leaving_links = true}), "") << entry.substr(0, 40);
    EXPECT_TRUE(out_is_empty());
  }
  EXPECT_EQ(get("victim"), "old");
  EXPECT_FALSE(fs::exists(dir / "d"));
}

TEST_F(Tar, NoLinkIsFollowed) {
  put("victim", "old");
  auto through = one(Kind::symlink, "l", "", "..") + one(Kind::file, "l/victim", "new");
  EXPECT_NE(extract(ended(through), {.leaving_links = true}), "");
  auto onto = one(Kind::symlink, "m", "", "../victim") + one(Kind::file, "m", "new");
  EXPECT_EQ(extract(ended(onto), {.leaving_links = true}), "");
  EXPECT_EQ(get("victim"), "old");
  EXPECT_EQ(get("out/m"), "new");
  EXPECT_FALSE(fs::is_symlink(dir / "out/m"));
}

TEST_F(Tar, LinksThatLeadOutAreLeftOut) {
  auto archive = one(Kind::directory, "t", "", "", 0755) + one(Kind::directory, "t/d", "", "", 0755) +
                 one(Kind::symlink, "t/a", "", "/etc") + one(Kind::symlink, "t/b", "", "..") +
                 one(Kind::symlink, "t/c", "", "d/../..") + one(Kind::symlink, "t/d/e", "", "../..") +
                 one(Kind::symlink, "t/d/fine", "", "../d/x") + one(Kind::symlink, "t/good", "", "d");
  EXPECT_EQ(extract(ended(archive), {.top = "t", .rename = "n"}), "");
  EXPECT_EQ(noted.links,
            (std::vector<std::string>{"n/a -> /etc", "n/b -> ..", "n/c -> d/../..", "n/d/e -> ../.."}));
  EXPECT_TRUE(fs::is_symlink(dir / "out/n/d/fine"));
  EXPECT_TRUE(fs::is_symlink(dir / "out/n/good"));
}

TEST_F(Tar, OnlyWhatWasAskedForIsTaken) {
  EXPECT_NE(extract(ended(one(Kind::file, ".ssh/key", "x")), {.top = "t", .rename = "t"}), "");
  EXPECT_NE(extract(ended(one(Kind::file, "tt", "x")), {.top = "t", .rename = "t"}), "");
  EXPECT_TRUE(out_is_empty());
  EXPECT_NE(extract(ended(one(Kind::hard_link, "t/h", "", "t/f")), {.top = "t", .rename = "t"}), "");
}

TEST_F(Tar, HardLinksOfTheArchiveWork) {
  auto archive = one(Kind::file, "d/f", "content") + one(Kind::hard_link, "h", "", "d/f");
  EXPECT_EQ(extract(ended(archive), {.hard_links = true, .leaving_links = true}), "");
  EXPECT_EQ(fs::hard_link_count(dir / "out/h"), 2u);
}

TEST_F(Tar, AFileAppearsWhenItIsWhole) {
  put("out/f", "old");
  auto archive = one(Kind::file, "f", std::string(5000, 'n'));
  EXPECT_NE(extract(archive.substr(0, 3000)), "");
  EXPECT_EQ(get("out/f"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir / "out"), fs::directory_iterator()), 1);
}

TEST_F(Tar, DangerousBitsAreDroppedAndClosedDirectoriesFilled) {
  auto archive = one(Kind::directory, "d", "", "", 0555) + one(Kind::file, "d/f", "x", "", 06755);
  EXPECT_EQ(extract(ended(archive)), "");
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir / "out/d").permissions()), 0555u);
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir / "out/d/f").permissions()), 0755u);
}

TEST_F(Tar, RubbishIsRefused) {
  auto good = ended(one(Kind::file, "f", "x"));
  auto with = [&](std::size_t at, char c) {
    auto bad = good;
    bad[at] = c;
    return bad;
  };
  EXPECT_NE(extract(std::string(2048, 'r')), "");
  EXPECT_NE(extract(with(0, 'g')), "");    // the sum
  EXPECT_NE(extract(with(124, '9')), "");  // the size
  EXPECT_NE(extract(with(156, 'S')), "");  // the kind
  EXPECT_NE(extract(""), "");
  EXPECT_NE(extract(good.substr(0, 1024)), "");
  EXPECT_NE(extract(ended(one(Kind::file, std::string(5000, 'l'), ""))), "");
  EXPECT_TRUE(!fs::exists(dir / "out/g"));
}

TEST_F(Tar, OtherWritersAreUnderstood) {
  fs::create_directories(dir / "in" / std::string(90, 'd'));
  put("in/" + std::string(90, 'd') + "/" + std::string(90, 'f'), "content");
  for (const char* format : {"gnu", "pax", "ustar"}) {
    fs::remove_all(dir / "out");
    fs::create_directories(dir / "out");
    std::string command = "tar -C '" + (dir / "in").string() + "' --format=" + format + " -cf '" +
                          (dir / "a.tar").string() + "' .";
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(extract(get("a.tar")), "") << format;
    EXPECT_EQ(get("out/" + std::string(90, 'd') + "/" + std::string(90, 'f')), "content") << format;
  }
}

TEST_F(Tar, TheirToolsReadOurs) {
  put("in/" + std::string(200, 'n'), "content");
  Text packed;
  auto packer = std::make_unique<Packer>(packed);
  ASSERT_TRUE(packer->pack(AT_FDCWD, (dir / "in").c_str(), "in"));
  put("a.tar", packed.all);
  for (const char* tool : {"tar", "busybox tar"}) {
    fs::remove_all(dir / "out");
    fs::create_directories(dir / "out");
    std::string command =
        std::string(tool) + " -C '" + (dir / "out").string() + "' -xf '" + (dir / "a.tar").string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << tool;
    EXPECT_EQ(get("out/in/" + std::string(200, 'n')), "content") << tool;
  }
}

TEST_F(Tar, PlacesAreFoundAsCpDoes) {
  int error = 0;
  Place into, under, nowhere, never;
  EXPECT_TRUE(into.open((dir / "out").c_str(), "x", false, error));
  EXPECT_STREQ(into.rename(), "x");
  EXPECT_TRUE(under.open((dir / "out" / "new").c_str(), "x", false, error));
  EXPECT_STREQ(under.rename(), "new");
  EXPECT_FALSE(nowhere.open((dir / "nope" / "new").c_str(), "x", false, error));
  EXPECT_EQ(error, ENOENT);
  EXPECT_FALSE(never.open((dir / "out").c_str(), "x", true, error));
  EXPECT_EQ(error, EISDIR);
}

TEST(Paths, BaseNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"/a/b", "b"}, {"/a/b/", "b"}, {"b", "b"},    {"/", "."},       {"", "."},
      {"/a/.", "."}, {"..", "."},    {"a/..", "."}, {"/a//b//", "b"}, {".", "."}};
  for (const auto& [path, expected] : cases) {
    char out[kMaxName];
    ASSERT_TRUE(base_name(path, out));
    EXPECT_STREQ(out, expected) << path;
  }
}

}  // namespace
}  // namespace brig::tar
