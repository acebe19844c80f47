// What attempts have in common: calls and how they are answered, files, sockets, the door out.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attempt.hpp"

namespace brig::escape {

// What the test tells the agent through its environment; empty if it did not.
std::string told(const char* variable);

// A call's result: refused if the kernel says that this is not for us or that it has no such thing; anything
// else, an error about the arguments too, means that it was willing.
Outcome answer_of(long result);

// Opening a file: escaped if it can be.
Outcome reads(const std::string& path);             // and holds something
Outcome writes(const std::string& path);            // opened for writing only; nothing is written
Outcome makes(const std::string& path);             // a new file, taken away again
Outcome connects_to_unix(const std::string& path);  // '@' at its beginning: an abstract name
std::string content(const std::string& path, std::size_t most = 1 << 20);

// A file of ours on /tmp, or on /workspace; of another name for every process.
std::string own_name(const std::string& stem);

// TCP and UDP by the plain kernel, not through the door.
Outcome connects(const std::string& address, std::uint16_t port);
Outcome sends_datagram(const std::string& address, std::uint16_t port);
sockaddr_storage address_of(const std::string& address, std::uint16_t port, socklen_t& size);

// Connects to `address`; -1 if it is refused. Reads and writes on it end after some seconds.
int dial(const std::string& address, std::uint16_t port);
int dial_unix(const std::string& path);
// The descriptor, connected and with fifteen seconds of patience; -1 (and it is closed) if that cannot be
// had.
int connected(int fd, const sockaddr* to, socklen_t size);
void send_all(int fd, std::string_view bytes);
// Until the other end says no more, or some seconds have passed.
std::string hear(int fd, std::size_t most = 64 * 1024);
// Until `word` was heard, too.
std::string hear_until(int fd, std::string_view word);

// What the listeners outside say to whatever reaches them.
inline constexpr std::string_view kOutside = "OUTSIDE HEARD";
// A listener for anything that was to stay inside takes note of this word.
inline constexpr std::string_view kSmuggled = "smuggled";

// The ways through the door. Each asks for HOST:PORT, says `words` if it is let in, and gives what came back.
struct Passage {
  bool let_in = false;
  std::string heard;  // a refusal, or what the outside said
};
Passage by_socket(const std::string& host, std::uint16_t port, std::string_view words);
Passage by_connect(const std::string& authority, std::string_view words, std::string_view headers = {});
Passage by_http(const std::string& target, const std::string& host_header);
Passage by_socks(const std::string& host, std::uint16_t port, std::string_view words);

// Escaped if it was let in or reached anything.
Outcome passes(const Passage& passage);
// Escaped if what was said arrived: whether the connection as such was allowed does not matter.
Outcome arrives(const Passage& passage);

// DNS. `server` and `port`: where the question goes by UDP; the answer's code, or what it holds.
struct Answer {
  int code = -1;  // -1: none came
  std::vector<std::string> addresses;
};
std::string dns_question(const std::string& name, std::uint16_t type);
Answer read_answer(std::string_view packet);
Answer ask_dns(const std::string& name, std::uint16_t type = 1, const std::string& server = "127.0.0.1",
               std::uint16_t port = 53);

std::string client_hello(const std::vector<std::string>& names);

// The twin of all attempts at the door.
Proof door_works();
Proof proven_by(const char* name, Run twin);
Proof in_neighbour();

}  // namespace brig::escape
