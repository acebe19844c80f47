#include "volume/portable.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"
#include "tar/path.hpp"
#include "volume/framed.hpp"

namespace brig::volume {
namespace {

using nlohmann::json;

constexpr const char* kDescription = ".brig-volume.json";
constexpr std::size_t kMaxDescription = 16 * 1024;
constexpr std::size_t kMaxField = 256;
constexpr std::uint64_t kMaxOverhead = std::uint64_t{1} << 30;

Error refused(std::string why) {
  return Error{Code::invalid, "the archive " + std::move(why) + "; nothing of it was taken", "volume: import",
               false};
}

std::string field(const json& object, const char* name) {
  auto at = object.find(name);
  if (at == object.end() || !at->is_string()) return {};
  auto text = at->get<std::string>();
  return text.size() <= kMaxField ? text : std::string();
}

}  // namespace

std::string text_of(const Described& described) {
  json out{{"brig_volume", 1},
           {"name", described.name},
           {"provider", described.provider},
           {"identity", described.identity},
           {"bytes", described.bytes},
           {"created", described.created}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Described> parse_described(std::string_view text) {
  auto object = json::parse(text, nullptr, false);
  auto version = object.is_object() ? object.find("brig_volume") : object.end();
  if (!object.is_object() || version == object.end() || !version->is_number_unsigned())
    return refused(std::string("does not say what volume it was: its ") + kDescription + " is no such thing");
  if (*version != 1) return refused("was written by a newer Brig");
  Described out{field(object, "name"), field(object, "provider"), field(object, "identity"), 0,
                field(object, "created")};
  auto bytes = object.find("bytes");
  if (bytes == object.end() || !bytes->is_number_unsigned() || out.name.empty())
    return refused(std::string("does not say what volume it was: its ") + kDescription +
                   " names no volume, or not how much it may hold");
  out.bytes = bytes->get<std::uint64_t>();
  return out;
}

struct PortableWriter::State {
  FrameWriter frames;
};

PortableWriter::PortableWriter(Out out) : state_(new State{FrameWriter(std::move(out))}) {}
PortableWriter::~PortableWriter() = default;

bool PortableWriter::describe(const Described& described) {
  auto text = text_of(described);
  tar::Entry entry;
  entry.name = kDescription;
  entry.mode = 0644;
  entry.size = text.size();
  return write_entry(*this, entry) && write(text.data(), text.size()) &&
         tar::write_padding(*this, text.size());
}

bool PortableWriter::write(const char* bytes, std::size_t size) {
  return state_->frames.write(bytes, size);
}

bool PortableWriter::finish() {
  return state_->frames.finish();
}

struct PortableReader::State final : tar::Handler {
  State(PortableBounds the_bounds, tar::Handler* the_contents) : bounds(the_bounds), contents(the_contents) {}

  // --- what the archive holds -----------------------------------------------------------------------------
  bool refuse(std::string why) {
    if (!refusal) refusal = refused(std::move(why));
    return false;
  }
  static std::string shown(const char* name) { return quoted(name, 300); }

  bool on_entry(const tar::Entry& entry) override {
    if (entries++ == 0) {
      describing = true;
      bool good = entry.kind == tar::Kind::file && std::string_view(entry.name) == kDescription;
      if (!good) return refuse(std::string("is not one of a volume: it does not begin with ") + kDescription);
      return entry.size <= kMaxDescription || refuse(std::string("has too much in its ") + kDescription);
    }
    std::string_view name = entry.name;
    std::string_view top = kPortableTop;
    bool inside = name.starts_with(top) && (name.size() == top.size() || name[top.size()] == '/');
    if (!inside || !tar::is_inner_path(entry.name))
      return refuse("holds " + shown(entry.name) + ", which leads out of the volume");
    bool leaves = entry.kind == tar::Kind::hard_link &&
                  (!std::string_view(entry.target).starts_with(std::string(top) + "/") ||
                   !tar::is_inner_path(entry.target));
    if (leaves)
      return refuse("holds " + shown(entry.name) + ", a hard link that leads out of the volume, to " +
                    shown(entry.target));
    if (entries > bounds.entries)
      return refuse("holds more than " + std::to_string(bounds.entries) + " files and directories");
    auto most = this->most();
    if (entry.kind == tar::Kind::file) {
      if (entry.size > most || bytes > most - entry.size)
        return refuse("holds more than the " + format_size(most) + " that the volume may, with " +
                      shown(entry.name));
      bytes += entry.size;
    }
    return !contents || contents->on_entry(entry);
  }
  bool on_data(const char* data, std::size_t size) override {
    if (!describing) return !contents || contents->on_data(data, size);
    description.append(data, size);
    return true;
  }
  bool on_entry_end() override {
    if (!describing) return !contents || contents->on_entry_end();
    describing = false;
    auto parsed = parse_described(description);
    if (parsed) described = std::move(*parsed);
    if (!parsed) refusal = parsed.error();
    return parsed.ok();
  }
  void on_note(const char* text, std::size_t size) override {
    if (contents) contents->on_note(text, size);
  }

  std::uint64_t most() const { return std::min(bounds.bytes, described.bytes); }

  // Heads, notes and what stands behind the end take room too, which a little of zstd makes much of.
  Result<void> take_tar(std::string_view text) {
    unpacked += text.size();
    if (unpacked > kMaxOverhead && (tar.at_end() || unpacked - kMaxOverhead > 2 * most()))
      return refused("holds more than what a volume of " + format_size(most()) + " can make of one");
    if (tar.feed(text.data(), text.size())) return {};
    if (refusal) return *refusal;
    if (tar.trouble().is_set()) return refused(std::string("cannot be read: ") + tar.trouble().doing);
    return Error{Code::internal, "what is in the archive could not be put into the volume", "volume: import",
                 false};
  }

  PortableBounds bounds;
  tar::Handler* contents;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  bool describing = false;
  std::string description;
  Described described;
  std::optional<Error> refusal;

  tar::Reader tar{*this};
  std::uint64_t unpacked = 0;
  FrameReader frames{[this](std::string_view text) { return take_tar(text); }};
};

PortableReader::PortableReader(PortableBounds bounds, tar::Handler* contents)
    : state_(std::make_unique<State>(bounds, contents)) {}
PortableReader::~PortableReader() = default;

const Described& PortableReader::described() const {
  return state_->described;
}

Result<void> PortableReader::feed(std::string_view bytes) {
  return state_->frames.feed(bytes);
}

Result<void> PortableReader::finish() {
  auto& s = *state_;
  BRIG_CHECK(s.frames.finish());
  if (!s.tar.finish()) return s.frames.damaged("what it holds breaks off");
  if (s.description.empty()) return refused("is not one of a volume: it is empty");
  return {};
}

}  // namespace brig::volume
