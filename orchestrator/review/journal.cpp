#include "review/journal.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/files.hpp"
#include "core/text.hpp"
#include "review/names.hpp"
#include "workspace/mounter.hpp"

namespace brig::review {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 256u << 20;

json encode(const Identity& identity) {
  return {identity.mode, identity.inode, identity.size, identity.ctime, identity.mtime};
}

Identity decode_identity(const json& value) {
  return {value.at(0), value.at(1), value.at(2), value.at(3), value.at(4)};
}

std::string bytes_of(const json& value) {
  auto bytes = unspelled(value.get<std::string>());
  if (!bytes) throw std::invalid_argument("a name");
  return *bytes;
}

// What was written by this module reads back; anything else is damage.
template <class T, class Read>
Result<std::optional<T>> read_json(const fs::path& path, Read read) {
  auto text = read_file(path, kMaxFile);
  if (!text && text.error().code == Code::not_found) return std::optional<T>();
  BRIG_CHECK(text);
  try {
    return std::optional<T>(read(json::parse(*text)));
  } catch (const std::exception&) {
    return Error{Code::corrupt,
                 "The journal of an apply, " + brig::quoted(path.native(), 200) + ", is damaged", "review",
                 false};
  }
}

Result<void> make(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return errno_error(errno, "Cannot make " + brig::quoted(path.native(), 200), "review");
}

}  // namespace

Result<void> Entry::write_plan(const Plan& plan) const {
  json out{{"id", plan.id}, {"project", spelled(plan.project)}, {"inode", plan.inode}};
  if (plan.undoes) out["undoes"] = *plan.undoes;
  auto& operations = out["operations"] = json::array();
  for (const auto& o : plan.operations)
    operations.push_back({spelled(o.path), encode(o.before), o.group, o.after, spelled(o.target), o.handle});
  return write_file(directory_ / "plan", out.dump(), 0600);
}

Result<std::optional<Plan>> Entry::read_plan() const {
  return read_json<Plan>(directory_ / "plan", [](const json& in) {
    Plan plan{in.at("id"), bytes_of(in.at("project")), in.at("inode"), {}, {}};
    if (in.contains("undoes")) plan.undoes = in.at("undoes").get<std::uint32_t>();
    for (const auto& o : in.at("operations")) {
      plan.operations.push_back({bytes_of(o.at(0)), decode_identity(o.at(1)), o.at(2), o.at(3),
                                 bytes_of(o.at(4)),
                                 o.size() > 5 ? o.at(5).get<std::string>() : std::string()});
    }
    return plan;
  });
}

Result<void> Entry::write_swapping(const std::vector<std::uint64_t>& inodes) const {
  return write_file(directory_ / "swapping", json(inodes).dump(), 0600);
}

Result<std::optional<std::vector<std::uint64_t>>> Entry::read_swapping() const {
  return read_json<std::vector<std::uint64_t>>(
      directory_ / "swapping", [](const json& in) { return in.get<std::vector<std::uint64_t>>(); });
}

Result<void> Entry::write_done(const std::vector<Identity>& left) const {
  auto out = json::array();
  for (const auto& identity : left) out.push_back(encode(identity));
  return write_file(directory_ / "done", out.dump(), 0600);
}

Result<std::optional<std::vector<Identity>>> Entry::read_done() const {
  return read_json<std::vector<Identity>>(directory_ / "done", [](const json& in) {
    std::vector<Identity> left;
    for (const auto& identity : in) left.push_back(decode_identity(identity));
    return left;
  });
}

Result<std::vector<Entry>> Journal::entries() const {
  std::vector<Entry> entries;
  std::error_code ec;
  for (fs::directory_iterator it(directory_, ec), end; !ec && it != end; it.increment(ec)) {
    auto name = it->path().filename().native();
    std::uint32_t number = 0;
    auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && stop == name.data() + name.size()) entries.emplace_back(it->path(), number);
  }
  if (ec && ec != std::errc::no_such_file_or_directory) {
    return errno_error(ec.value(), "Cannot look at " + brig::quoted(directory_.native(), 200), "review");
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.number() < b.number(); });
  return entries;
}

Result<Entry> Journal::begin() const {
  BRIG_TRY(auto before, entries());
  auto number = before.empty() ? 1 : before.back().number() + 1;
  Entry entry(directory_ / std::to_string(number), number);
  BRIG_CHECK(make(directory_.parent_path()));
  BRIG_CHECK(make(directory_));
  BRIG_CHECK(make(entry.directory()));
  BRIG_CHECK(make(entry.directory() / "new"));
  BRIG_CHECK(make(entry.directory() / "old"));
  return entry;
}

// The plan first: without it, what is left means nothing.
Result<void> Journal::drop(const Entry& entry) const {
  for (const char* name : {"plan", "swapping", "done"}) {
    auto path = entry.directory() / name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return errno_error(errno, "Cannot delete " + brig::quoted(path.native(), 200), "review");
  }
  return workspace::destroy(entry.directory());
}

}  // namespace brig::review
