// Crowds at the door: as many connections as can be had, each of which stays.
#include "flood.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "egress_wire/frames.hpp"

namespace brig::escape {
namespace {

namespace wire = egress_wire;
constexpr int kEach = 200;  // of one process

// What each says: the beginning of a request, or all of one.
std::string words_of(const std::string& kind, int number) {
  auto name = kind == "ask" ? "name" + std::to_string(number) + ".test" : std::string("good.test");
  wire::Request request;
  request.kind = wire::Kind::connect;
  request.port = 8443;
  request.host = name;
  request.process = "flood";
  std::byte frame[wire::kMaxRequest];
  auto size = wire::write_request(request, frame);
  return {reinterpret_cast<const char*>(frame), kind == "half" ? 3 : size};
}

int crowd(const std::string& kind, int first) {
  int got = 0;
  for (int i = 0; i < kEach; ++i) {
    int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strcpy(to.sun_path, "/run/brig/egress");
    auto words = words_of(kind, first + i);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) break;
    got += ::send(fd, words.data(), words.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(words.size());
  }
  return got;
}

}  // namespace

int flood(const std::string& kind, int processes) {
  int done[2];
  if (::pipe(done) != 0) return 1;
  for (int i = 0; i < processes; ++i) {
    if (::fork() != 0) continue;
    int got = crowd(kind, i * kEach);
    (void)!::write(done[1], &got, sizeof got);
    while (true) ::pause();
  }
  // Whoever is kept waiting does not keep the others from being told of.
  int all = 0, got = 0;
  ::close(done[1]);
  for (int i = 0; i < processes && ::read(done[0], &got, sizeof got) == sizeof got; ++i) {
    all += got;
    std::printf("held %d\n", all);
    std::fflush(stdout);
  }
  for (char c; ::read(0, &c, 1) > 0;) {
  }
  ::signal(SIGTERM, SIG_IGN);
  ::kill(0, SIGTERM);
  return 0;
}

}  // namespace brig::escape
