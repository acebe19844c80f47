#include "volume/portable.hpp"

#include <sodium.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/text.hpp"
#include "core/units.hpp"
#include "tar/path.hpp"

namespace brig::volume {
namespace {

using nlohmann::json;

constexpr std::size_t kFrame = 1u << 20;
constexpr int kLevel = 3;
constexpr int kWindowLog = 23;  // 8 MiB: what a reader sets aside for a frame at most
constexpr std::uint32_t kFrameMagic = ZSTD_MAGICNUMBER;
constexpr std::uint32_t kEndMagic = ZSTD_MAGIC_SKIPPABLE_START;
constexpr std::string_view kSumMagic = "BRIGSUM1";
constexpr std::size_t kSum = 32;
constexpr std::size_t kEnd = 8 + kSumMagic.size() + kSum;
constexpr const char* kDescription = ".brig-volume.json";
constexpr std::size_t kMaxDescription = 16 * 1024;
constexpr std::size_t kMaxField = 256;
constexpr std::uint64_t kMaxOverhead = std::uint64_t{1} << 30;

// A checksum of everything that was given to it.
class Sum {
 public:
  Sum() { crypto_generichash_init(&state_, nullptr, 0, kSum); }
  void add(std::string_view bytes) {
    crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  std::array<char, kSum> value() {
    std::array<char, kSum> out;
    crypto_generichash_final(&state_, reinterpret_cast<unsigned char*>(out.data()), kSum);
    return out;
  }

 private:
  crypto_generichash_state state_;
};

void put32(std::string& to, std::uint32_t number) {
  for (int i = 0; i < 4; ++i) to += static_cast<char>(number >> (8 * i));
}

std::uint32_t get32(const char* from) {
  std::uint32_t out = 0;
  for (int i = 3; i >= 0; --i) out = out << 8 | static_cast<unsigned char>(from[i]);
  return out;
}

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
  Out out;
  std::string pending;
  std::string packed;
  Sum sum;
  bool failed = false;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
};

PortableWriter::PortableWriter(Out out) : state_(std::make_unique<State>()) {
  state_->out = std::move(out);
  state_->pending.reserve(kFrame);
  state_->packed.resize(ZSTD_compressBound(kFrame));
  ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_checksumFlag, 1);
}

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
  auto& s = *state_;
  while (size > 0 && !s.failed) {
    auto take = std::min(size, kFrame - s.pending.size());
    s.pending.append(bytes, take);
    bytes += take;
    size -= take;
    if (s.pending.size() == kFrame && !flush()) return false;
  }
  return !s.failed;
}

bool PortableWriter::flush() {
  auto& s = *state_;
  if (s.pending.empty() || s.failed) return !s.failed;
  auto size =
      ZSTD_compress2(s.context.get(), s.packed.data(), s.packed.size(), s.pending.data(), s.pending.size());
  if (!ZSTD_isError(size)) s.sum.add({s.packed.data(), size});
  s.failed = ZSTD_isError(size) || !s.out(std::string_view(s.packed.data(), size));
  s.pending.clear();
  return !s.failed;
}

bool PortableWriter::finish() {
  if (!flush()) return false;
  auto sum = state_->sum.value();
  std::string end;
  put32(end, kEndMagic);
  put32(end, static_cast<std::uint32_t>(kSumMagic.size() + kSum));
  end += kSumMagic;
  end.append(sum.data(), sum.size());
  state_->failed = !state_->out(end);
  return !state_->failed;
}

struct PortableReader::State final : tar::Handler {
  State(PortableBounds the_bounds, tar::Handler* the_contents) : bounds(the_bounds), contents(the_contents) {
    if (context) ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLog);
  }

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

  // --- how it is packed -----------------------------------------------------------------------------------
  Error damaged(const std::string& why) const {
    return Error{
        Code::corrupt,
        "the archive is damaged at byte " + std::to_string(at) + ": " + why + "; nothing of it was taken",
        "volume: import", false};
  }

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

  Result<void> take_frame(std::string_view& rest) {
    ZSTD_inBuffer in{rest.data(), rest.size(), 0};
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    do {
      out.pos = 0;
      auto left = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(left)) {
        at += in.pos;
        return damaged(ZSTD_getErrorName(left));
      }
      BRIG_CHECK(take_tar({buffer.data(), out.pos}));
      in_frame = left != 0;
    } while (in_frame && (in.pos < in.size || out.pos == out.size));
    sum.add(rest.substr(0, in.pos));
    at += in.pos;
    rest.remove_prefix(in.pos);
    return {};
  }

  // Up to `size` bytes of what stands between frames; whether they are all there.
  bool gather(std::string_view& rest, std::size_t size) {
    auto take = std::min(rest.size(), size - head.size());
    head.append(rest.substr(0, take));
    rest.remove_prefix(take);
    at += take;
    return head.size() == size;
  }

  Result<void> take_head(std::string_view& rest) {
    if (head.size() < 4 && !gather(rest, 4)) return {};
    auto magic = get32(head.data());
    if (magic == kFrameMagic) {
      in_frame = true;
      ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
      std::string_view begun = head;
      at -= begun.size();
      BRIG_CHECK(take_frame(begun));
      head.clear();
      return {};
    }
    if (magic != kEndMagic) return damaged("no frame begins there");
    if (!gather(rest, kEnd)) return {};
    auto is = sum.value();
    bool good = get32(head.data() + 4) == kSumMagic.size() + kSum &&
                std::string_view(head).substr(8, kSumMagic.size()) == kSumMagic &&
                memcmp(head.data() + 8 + kSumMagic.size(), is.data(), kSum) == 0;
    if (!good) return damaged("its checksum does not fit");
    ended = true;
    return {};
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
  Sum sum;
  std::uint64_t unpacked = 0;
  std::uint64_t at = 0;  // of the file
  bool in_frame = false;
  bool ended = false;
  std::string head;
  std::vector<char> buffer = std::vector<char>(ZSTD_DStreamOutSize());
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), ZSTD_freeDCtx};
};

PortableReader::PortableReader(PortableBounds bounds, tar::Handler* contents)
    : state_(std::make_unique<State>(bounds, contents)) {}
PortableReader::~PortableReader() = default;

const Described& PortableReader::described() const {
  return state_->described;
}

Result<void> PortableReader::feed(std::string_view bytes) {
  auto& s = *state_;
  while (!bytes.empty()) {
    if (s.ended) return s.damaged("something stands behind its end");
    if (s.in_frame) {
      BRIG_CHECK(s.take_frame(bytes));
    } else {
      BRIG_CHECK(s.take_head(bytes));
    }
  }
  return {};
}

Result<void> PortableReader::finish() {
  auto& s = *state_;
  if (!s.ended) return s.damaged("it breaks off there");
  if (!s.tar.finish()) return s.damaged("what it holds breaks off");
  if (s.description.empty()) return refused("is not one of a volume: it is empty");
  return {};
}

}  // namespace brig::volume
