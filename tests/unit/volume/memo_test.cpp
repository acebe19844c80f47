#include "volume/memo.hpp"

#include <gtest/gtest.h>

#include "core/files.hpp"
#include "directory.hpp"

namespace brig::volume {
namespace {

using testing::Directory;

TEST(Memo, SaysWhatAVolumeWas) {
  Directory dir;
  auto place = dir.path() / "brig-shared-0-cache";
  std::filesystem::create_directory(place);
  EXPECT_FALSE(read_memo(place));
  store::VolumeRow row;
  row.name = "brig-shared-0-cache";
  row.owner = "uid:1000";
  row.mesh = "north";
  row.provider = "claude";
  row.identity = "1f2e";
  row.label = "cache";
  row.bytes = 16u << 20;
  row.created = WallTime{Millis{1'700'000'000'123}};
  ASSERT_TRUE(write_memo(place, row));
  auto read = read_memo(place);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name + read->owner + read->mesh + read->provider + read->identity + read->label,
            row.name + row.owner + row.mesh + row.provider + row.identity + row.label);
  EXPECT_EQ(read->bytes, row.bytes);
  EXPECT_EQ(read->created, row.created);
  EXPECT_TRUE(read->stage.empty() && !read->removing && !read->pinned);

  for (
      const char* bad :
      {"", "[]", "{}", "{\"owner\": \"uid:0\"}",
       R"({"owner": "", "mesh": "", "provider": "", "identity": "", "label": "", "bytes": 1, "created": 1})",
       R"({"owner": "x", "mesh": 1, "provider": "", "identity": "", "label": "", "bytes": 1, "created": 1})",
       R"({"owner": "x", "mesh": "", "provider": "", "identity": "", "label": "", "bytes": -1, "created": 1})",
       R"({"owner": "x", "mesh": "", "provider": "", "identity": "", "label": "", "bytes": 1})"}) {
    ASSERT_TRUE(write_file(place / "volume.json", bad, 0600));
    EXPECT_FALSE(read_memo(place)) << bad;
  }
}

}  // namespace
}  // namespace brig::volume
