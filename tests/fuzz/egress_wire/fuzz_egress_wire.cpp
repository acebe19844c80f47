// The decoders of the egress socket, over any bytes in any pieces: what is read comes out the same when it is
// written again.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "egress_wire/frames.hpp"

namespace {

using namespace brig::egress_wire;

void expect(bool fine) {
  if (!fine) std::abort();
}

template <class Frame, class ReadOne, class WriteOne>
void check(std::span<const std::byte> all, ReadOne read_one, WriteOne write_one) {
  Frame frame;
  Fault fault{};
  std::span<const std::byte> rest = all;
  Read result = read_one(rest, frame, fault);
  expect((result == Read::bad) == (fault != Fault::none));
  if (result != Read::frame) {
    expect(rest.data() == all.data() && rest.size() == all.size());
    return;
  }
  std::size_t size = all.size() - rest.size();
  std::byte again[kMaxReply];
  expect(write_one(frame, again) == size && std::memcmp(again, all.data(), size) == 0);
  // No piece of it is a frame of its own or a fault.
  for (std::size_t part = 0; part < size; ++part) {
    rest = all.subspan(0, part);
    expect(read_one(rest, frame, fault) == Read::more);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::span<const std::byte> in(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check<Request>(in, read_request, write_request);
      break;
    case 1:
      check<Reply>(in, read_reply, write_reply);
      break;
    default:
      check<Done>(in, read_done, [](const Done& done, std::byte* out) {
        write_done(done, out);
        return kDoneSize;
      });
  }
  return 0;
}
