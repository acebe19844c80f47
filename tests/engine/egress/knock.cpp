// Speaks the egress protocol as anybody in a sandbox may.
//
//   knock HOST PORT [TEXT]   prints the status, "|", the message; after ok sends TEXT and prints what comes
//   back knock HOST 0             asks to resolve: the ports follow the status
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "egress_wire/frames.hpp"

namespace wire = brig::egress_wire;

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strcpy(to.sun_path, "/run/brig/egress");
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    std::printf("away|%s\n", std::strerror(errno));
    return 2;
  }
  wire::Request request;
  request.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  request.kind = request.port ? wire::Kind::connect : wire::Kind::resolve;
  request.host = argv[1];
  request.pid = static_cast<std::uint32_t>(::getpid());
  request.process = "knock";
  std::byte frame[wire::kMaxRequest];
  auto size = wire::write_request(request, frame);
  if (::write(fd, frame, size) != static_cast<ssize_t>(size)) return 3;
  std::byte buffer[wire::kMaxReply];
  std::size_t have = 0;
  wire::Reply reply;
  wire::Fault fault;
  do {
    std::span<const std::byte> in(buffer, have);
    auto read = wire::read_reply(in, reply, fault);
    if (read == wire::Read::bad) return 4;
    if (read == wire::Read::frame) {
      have = in.size();
      std::printf("%d|%.*s", static_cast<int>(reply.status), static_cast<int>(reply.message.size()),
                  reply.message.data());
      for (int i = 0; i < reply.port_count; ++i) std::printf(" %d", reply.ports[i]);
      std::printf("\n");
      std::fflush(stdout);
      std::memmove(buffer, in.data(), have);
      if (reply.status != wire::Status::asking) break;
      continue;
    }
    auto n = ::read(fd, buffer + have, sizeof buffer - have);
    if (n <= 0) {
      std::printf("gone|\n");
      return 5;
    }
    have += static_cast<std::size_t>(n);
  } while (true);
  if (reply.status != wire::Status::ok) return 1;
  if (argc > 3 && ::write(fd, argv[3], std::strlen(argv[3])) < 0) return 6;
  char piece[4096];
  for (ssize_t n; request.port && (n = ::read(fd, piece, sizeof piece)) > 0;) {
    std::fwrite(piece, 1, static_cast<std::size_t>(n), stdout);
    std::fflush(stdout);
  }
  return 0;
}
