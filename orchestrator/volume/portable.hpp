// A volume as a file that people carry about: a tar archive, compressed by zstd, that `tar --zstd` reads too.
//
//   frames (framed.hpp) of
//     .brig-volume.json   first: what volume it was
//     volume/…            what is in it
//
// Whatever is read of it may come from anyone: nothing is believed before its end is there and right, so it
// is read twice, once to look at it and once to take it. Refused are names and hard links that lead out of
// the volume, devices and pipes, and more entries or bytes than bounds allow. Where symbolic links lead does
// not matter: sandboxes make such links themselves, and nothing of Brig's follows one.
//
// Ownership: both borrow what they write to. Threads: one. Failure: as Result; `corrupt` names the byte where
// the file is damaged, `invalid` what in it is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "tar/reader.hpp"

namespace brig::volume {

inline constexpr const char* kPortableTop = "volume";

// What is known of a volume where it comes from.
struct Described {
  std::string name;         // what its owner calls it; a provider's: as the engine does
  std::string provider;     // empty: it is shared among its owner's sandboxes
  std::string identity;     // its label
  std::uint64_t bytes = 0;  // its bound
  std::string created;      // RFC 3339
};
std::string text_of(const Described& described);
Result<Described> parse_described(std::string_view text);

class PortableWriter final : public tar::Sink {
 public:
  // False: it takes no more.
  using Out = std::function<bool(std::string_view)>;
  explicit PortableWriter(Out out);
  ~PortableWriter();

  bool describe(const Described& described);
  bool write(const char* bytes, std::size_t size) override;
  bool finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct PortableBounds {
  std::uint64_t entries = 1'000'000;
  // Of all files together; and no more than the archive says that its volume may hold.
  std::uint64_t bytes = std::uint64_t{1} << 44;
};

class PortableReader {
 public:
  // `contents`: is told of the entries below kPortableTop, and of it; none: they are only looked at.
  PortableReader(PortableBounds bounds, tar::Handler* contents);
  ~PortableReader();

  Result<void> feed(std::string_view bytes);
  // No more comes: it was whole, and its sum is right.
  Result<void> finish();
  const Described& described() const;  // once it is finished

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brig::volume
