// Forged words on the supervisor's link, and on the door: whoever connects, the kernel or the key tells who
// it is.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/tools.hpp"
#include "egress_wire/frames.hpp"
#include "link_wire/frame.hpp"
#include "link_wire/messages.hpp"

namespace brig::escape {
namespace {

constexpr const char* kWhoItIs =
    "the kernel says who calls, and after the first start only who has the key is heard";

std::string hello(const link::HelloHead& head) {
  std::byte frame[link::kHeaderSize + link::kHelloFixed];
  link::Header header;
  header.type = link::Type::hello;
  header.length = link::kHelloFixed;
  link::encode(header, frame);
  link::write_hello_head(frame + link::kHeaderSize, head);
  return {reinterpret_cast<const char*>(frame), sizeof frame};
}

// What brigd says to it: nothing at all, or REJECT, but no WELCOME and nothing after it.
Outcome says(const std::string& words) {
  int fd = dial_unix("/run/brig/sock");
  if (fd < 0) return refused(std::strerror(errno));
  send_all(fd, words);
  auto heard = hear(fd);
  ::close(fd);
  if (heard.empty()) return refused("hung up");
  if (heard[0] == static_cast<char>(link::Type::reject)) return refused("rejected");
  return escaped("it was answered with a frame of type " + std::to_string(static_cast<int>(heard[0])));
}

// The instrument: what is sent is well-formed, and understood as what it is meant to be.
Proof hello_is_one() {
  return proven_by("supervisor.hello", [] {
    auto words = hello({});
    std::span<const std::byte> in(reinterpret_cast<const std::byte*>(words.data()), words.size());
    link::Frame frame;
    link::Fault fault;
    link::HelloHead head;
    bool fine = link::next_frame(in, link::Sender::supervisor, frame, fault) == link::Status::frame &&
                link::read_hello_head(frame.payload, head);
    return fine ? escaped() : broken("it is no HELLO");
  });
}

std::string frame_of(link::Type type, std::uint32_t id, std::uint64_t value, const std::string& payload = {},
                     std::uint8_t arg = 0) {
  std::byte head[link::kHeaderSize];
  link::Header header;
  header.type = type;
  header.arg = arg;
  header.id = id;
  header.value = value;
  header.length = static_cast<std::uint16_t>(payload.size());
  link::encode(header, head);
  return std::string(reinterpret_cast<const char*>(head), sizeof head) + payload;
}

// At the door: bytes that are no request get no answer but the end.
Outcome says_to_door(const std::string& words) {
  int fd = dial_unix("/run/brig/egress");
  if (fd < 0) return refused(std::strerror(errno));
  send_all(fd, words);
  ::shutdown(fd, SHUT_WR);
  auto heard = hear(fd);
  ::close(fd);
  bool let_in = heard.size() > 5 && heard.starts_with("BRGE") && heard[5] == 0;
  return let_in || heard.find(kOutside) != std::string::npos ? escaped(heard) : refused("not let in");
}

std::string request(const char* host, std::uint16_t port) {
  std::byte frame[egress_wire::kMaxRequest];
  egress_wire::Request request;
  request.host = host;
  request.port = port;
  auto size = egress_wire::write_request(request, frame);
  return {reinterpret_cast<const char*>(frame), size};
}

// Offers a descriptor instead of a socket to be passed on to.
Outcome hands_over(int what) {
  if (what < 0) return broken(std::strerror(errno));
  int fd = dial_unix("/run/brig/egress");
  if (fd < 0) return refused(std::strerror(errno));
  auto words = request("good.test", 8443);
  words[7] = 1;
  send_all(fd, words);
  char reply[12];
  if (::recv(fd, reply, sizeof reply, MSG_WAITALL) != 12 || reply[5] != 0) return broken("not let in");
  if (reply[6] == 0) return refused("nothing is handed over here");
  char go = 'S';
  iovec piece{&go, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  auto* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(head), &what, sizeof what);
  if (::sendmsg(fd, &message, MSG_NOSIGNAL) != 1) return refused(std::strerror(errno));
  auto heard = hear(fd);
  ::close(fd);
  // DONE with ok would mean that bytes went both ways.
  return heard.size() == 24 && heard[5] == 0 ? escaped("it was taken for a connection")
                                             : refused("not taken");
}

}  // namespace

ATTEMPT(supervisor, hello_without_key, kWhoItIs, hello_is_one()) {
  return says(hello({}));
}
ATTEMPT(supervisor, hello_with_zero_key, kWhoItIs, hello_is_one()) {
  link::HelloHead head;
  head.has_key = true;
  return says(hello(head));
}
ATTEMPT(supervisor, hello_with_guessed_key, kWhoItIs, hello_is_one()) {
  link::HelloHead head;
  head.has_key = true;
  std::memset(head.key, 0x41, sizeof head.key);
  return says(hello(head));
}
ATTEMPT(supervisor, hello_that_ends_it, "a supervisor that says it is shutting down must be the one",
        hello_is_one()) {
  link::HelloHead head;
  head.draining = true;
  return says(hello(head) + frame_of(link::Type::bye, 0, 0));
}
ATTEMPT(supervisor, forged_exit, "no word counts before WELCOME", hello_is_one()) {
  return says(hello({}) + frame_of(link::Type::exited, 1, 0, std::string(4, '\0')));
}
ATTEMPT(supervisor, forged_output, "no word counts before WELCOME", hello_is_one()) {
  return says(hello({}) + frame_of(link::Type::output, 1, 0, "forged by the agent", 1));
}
ATTEMPT(supervisor, forged_welcome, "each end takes only what the other may send", hello_is_one()) {
  return says(frame_of(link::Type::welcome, 0, 0, std::string(link::kWelcomeFixed, '\0')));
}
ATTEMPT(supervisor, forged_spawn, "each end takes only what the other may send", hello_is_one()) {
  return says(hello({}) + frame_of(link::Type::spawn, 9, 0, "/bin/sh"));
}
ATTEMPT(supervisor, huge_frame, "nothing is allocated by an announced size", hello_is_one()) {
  return says(std::string(1, '\1') + std::string(1 << 20, '\xff'));
}
ATTEMPT(supervisor, rubbish, "what is no frame ends the connection", hello_is_one()) {
  return says("GET /v1/sessions HTTP/1.1\r\nHost: brig\r\n\r\n");
}
ATTEMPT(supervisor, crowd, "at most four may be unidentified at a time, for seconds", hello_is_one()) {
  for (int i = 0; i < 40; ++i) (void)dial_unix("/run/brig/sock");
  return says(hello({}));
}
ATTEMPT(supervisor, door_rubbish, "what is no request ends the connection", door_works()) {
  return says_to_door("CONNECT good.test:8443 HTTP/1.1\r\n\r\n");
}
ATTEMPT(supervisor, door_of_other_version, "a version that is not known ends the connection", door_works()) {
  auto words = request("good.test", 8443);
  words[4] = 2;
  return says_to_door(words);
}
ATTEMPT(supervisor, door_with_reply, "each end takes only what the other may send", door_works()) {
  return says_to_door(std::string("BRGE\1\0\0\0\0\0\0\0", 12));
}
ATTEMPT(supervisor, door_with_rest, "nothing may follow a request before its answer", door_works()) {
  return says_to_door(request("good.test", 8443) + "smuggled");
}
ATTEMPT(supervisor, door_with_long_name, "a name has at most 255 bytes", door_works()) {
  auto words = request("good.test", 8443);
  words[10] = '\xff';
  words[11] = '\xff';
  return says_to_door(words + std::string(70'000, 'a'));
}
ATTEMPT(supervisor, door_with_set_reserved, "reserved bytes are zero", door_works()) {
  auto words = request("good.test", 8443);
  words[18] = 1;
  return says_to_door(words);
}
ATTEMPT(supervisor, hands_over_a_file, "what is handed over must be a connected stream socket of IP",
        door_works()) {
  return hands_over(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}
ATTEMPT(supervisor, hands_over_the_link, "what is handed over must be a connected stream socket of IP",
        door_works()) {
  return hands_over(dial_unix("/run/brig/sock"));
}
ATTEMPT(supervisor, hands_over_a_listener, "what is handed over must be connected", door_works()) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ::listen(fd, 1);
  return hands_over(fd);
}
ATTEMPT(supervisor, hands_over_a_datagram_socket, "what is handed over must be a stream", door_works()) {
  return hands_over(::socket(AF_INET, SOCK_DGRAM, 0));
}
ATTEMPT(supervisor, hands_over_itself, "the line of control is not the thing to pass on", door_works()) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return broken();
  return hands_over(pair[0]);
}
ATTEMPT(supervisor, api_by_the_door, "the service's API is not behind the door", door_works()) {
  asked("brigd", 80);
  return passes(by_http("http://brigd/v1/sessions", "brigd"));
}

}  // namespace brig::escape
