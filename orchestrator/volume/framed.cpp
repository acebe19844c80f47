#include "volume/framed.hpp"

#include <sodium.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace brig::volume {
namespace {

constexpr std::size_t kFrame = 1u << 20;
constexpr int kLevel = 3;
constexpr int kWindowLog = 23;  // 8 MiB: what a reader sets aside for a frame at most
constexpr std::uint32_t kFrameMagic = ZSTD_MAGICNUMBER;
constexpr std::uint32_t kEndMagic = ZSTD_MAGIC_SKIPPABLE_START;
constexpr std::string_view kSumMagic = "BRIGSUM1";
constexpr std::size_t kSum = 32;
constexpr std::size_t kEnd = 8 + kSumMagic.size() + kSum;

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

}  // namespace

struct FrameWriter::State {
  Out out;
  std::string pending;
  std::string packed;
  Sum sum;
  bool failed = false;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
};

FrameWriter::FrameWriter(Out out) : state_(std::make_unique<State>()) {
  state_->out = std::move(out);
  state_->pending.reserve(kFrame);
  state_->packed.resize(ZSTD_compressBound(kFrame));
  ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_checksumFlag, 1);
}

FrameWriter::~FrameWriter() = default;

bool FrameWriter::write(const char* bytes, std::size_t size) {
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

bool FrameWriter::flush() {
  auto& s = *state_;
  if (s.pending.empty() || s.failed) return !s.failed;
  auto size =
      ZSTD_compress2(s.context.get(), s.packed.data(), s.packed.size(), s.pending.data(), s.pending.size());
  if (!ZSTD_isError(size)) s.sum.add({s.packed.data(), size});
  s.failed = ZSTD_isError(size) || !s.out(std::string_view(s.packed.data(), size));
  s.pending.clear();
  return !s.failed;
}

bool FrameWriter::finish() {
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

struct FrameReader::State {
  explicit State(Take the_take) : take(std::move(the_take)) {
    if (context) ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLog);
  }

  Error damaged(const std::string& why) const {
    return Error{
        Code::corrupt,
        "the archive is damaged at byte " + std::to_string(at) + ": " + why + "; nothing of it was taken",
        "archive", false};
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
      BRIG_CHECK(take({buffer.data(), out.pos}));
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

  Take take;
  Sum sum;
  std::uint64_t at = 0;  // of the file
  bool in_frame = false;
  bool ended = false;
  std::string head;
  std::vector<char> buffer = std::vector<char>(ZSTD_DStreamOutSize());
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), ZSTD_freeDCtx};
};

FrameReader::FrameReader(Take take) : state_(std::make_unique<State>(std::move(take))) {}
FrameReader::~FrameReader() = default;

Error FrameReader::damaged(const std::string& why) const {
  return state_->damaged(why);
}

Result<void> FrameReader::feed(std::string_view bytes) {
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

Result<void> FrameReader::finish() {
  if (!state_->ended) return state_->damaged("it breaks off there");
  return {};
}

}  // namespace brig::volume
