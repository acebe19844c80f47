#include "volume/memo.hpp"

#include <nlohmann/json.hpp>

#include "core/files.hpp"
#include "core/text.hpp"
#include "volume/volumes.hpp"

namespace brig::volume {
namespace {

using nlohmann::json;

constexpr const char* kFile = "volume.json";
constexpr std::size_t kMaxMemo = 16 * 1024;

}  // namespace

Result<void> write_memo(const std::filesystem::path& directory, const store::VolumeRow& row) {
  json memo{{"owner", row.owner},
            {"mesh", row.mesh},
            {"provider", row.provider},
            {"identity", row.identity},
            {"label", row.label},
            {"bytes", row.bytes},
            {"created", row.created.time_since_epoch().count()}};
  return write_file(directory / kFile, memo.dump(-1, ' ', false, json::error_handler_t::replace), 0600);
}

Result<store::VolumeRow> read_memo(const std::filesystem::path& directory) {
  auto refuse = [&] {
    return Error{Code::invalid, quoted((directory / kFile).native(), 256) + " says nothing of a volume",
                 "volume: quarantine", false};
  };
  BRIG_TRY(auto text, read_file(directory / kFile, kMaxMemo));
  auto memo = json::parse(text, nullptr, false);
  if (!memo.is_object()) return refuse();
  store::VolumeRow row;
  row.name = directory.filename();
  BRIG_CHECK(check_volume_name("name", row.name));
  for (auto [key, into] : {std::pair{"owner", &row.owner},
                           {"mesh", &row.mesh},
                           {"provider", &row.provider},
                           {"identity", &row.identity},
                           {"label", &row.label}}) {
    auto at = memo.find(key);
    if (at == memo.end() || !at->is_string()) return refuse();
    *into = at->get<std::string>();
  }
  auto bytes = memo.find("bytes"), created = memo.find("created");
  if (row.owner.empty() || bytes == memo.end() || !bytes->is_number_unsigned() || created == memo.end() ||
      !created->is_number_integer())
    return refuse();
  row.bytes = bytes->get<std::uint64_t>();
  row.created = WallTime{Millis{created->get<std::int64_t>()}};
  return row;
}

}  // namespace brig::volume
