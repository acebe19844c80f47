// brig-init against any brigd: it never crashes, and whatever it says is well-formed.
//
// Input: one byte of flags (1: a valid WELCOME comes first), one byte that sets the size of the pieces the
// rest arrives in, then what brigd sends.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "fake_system.hpp"
#include "init/supervisor.hpp"

namespace {

using namespace brig;

// Everything said so far, in frames. A frame may be cut off only by the end of the connection.
void check_replies(int peer, std::vector<std::byte>& carry) {
  std::byte piece[65536];
  while (true) {
    ssize_t n = ::recv(peer, piece, sizeof piece, MSG_DONTWAIT);
    if (n <= 0) break;
    carry.insert(carry.end(), piece, piece + n);
  }
  std::span<const std::byte> in = carry;
  link::Frame frame;
  link::Fault fault{};
  while (true) {
    auto status = link::next_frame(in, link::Sender::supervisor, frame, fault);
    if (status == link::Status::bad) std::abort();
    if (status == link::Status::more) break;
    if (frame.header.type != link::Type::hello) continue;
    link::HelloHead head;
    if (!link::read_hello_head(frame.payload, head)) std::abort();
    for (std::size_t i = 0; i < head.count; ++i) {
      link::ProcessRecord record;
      if (!link::read_process_record(frame.payload.data() + link::kHelloFixed + i * link::kHelloRecord,
                                     record)) {
        std::abort();
      }
    }
  }
  carry.assign(in.begin(), in.end());
}

void welcome(int peer) {
  std::byte frame[link::kHeaderSize + link::kWelcomeFixed];
  link::encode({.type = link::Type::welcome, .length = link::kWelcomeFixed}, frame);
  link::write_welcome_head(frame + link::kHeaderSize, {});
  if (::send(peer, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  auto supervisor = std::make_unique<init::Supervisor>();
  if (!supervisor->prepare("unused")) std::abort();
  bool welcomed = (data[0] & 1) != 0;
  std::size_t step = data[1] == 0 ? 65536 : data[1] * 3u;
  std::vector<std::byte> carry;
  int peer = init::fake::take_peer();
  if (welcomed) welcome(peer);
  bool running = true;
  for (std::size_t at = 2; at < size && running; at += step) {
    std::size_t piece = step < size - at ? step : size - at;
    if (::send(peer, data + at, piece, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      // It hung up: it comes back, and is let in again.
      ::close(peer);
      peer = -1;
      carry.clear();
      for (int i = 0; i < 2000 && peer < 0 && running; ++i) {
        running = supervisor->turn(0);
        peer = init::fake::take_peer();
      }
      if (peer < 0) break;
      if (welcomed) welcome(peer);
    }
    for (int i = 0; i < 4 && running; ++i) {
      running = supervisor->turn(0);
      check_replies(peer, carry);
    }
  }
  if (peer >= 0) ::close(peer);
  supervisor->close();
  init::fake::reset();
  return 0;
}
