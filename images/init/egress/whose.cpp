#include "init_egress/whose.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "init_egress/text.hpp"

namespace brig::init::egress {
namespace {

constexpr std::size_t kMaxTable = 512 * 1024;  // bytes of /proc/net/tcp
constexpr std::size_t kMaxLinks = 4096;
constexpr std::size_t kMaxPids = 512;

// The fields of a line of /proc/net/tcp.
std::string_view field(std::string_view line, int number) {
  for (int i = 0;; ++i) {
    std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) return {};
    line.remove_prefix(begin);
    auto word = line.substr(0, line.find(' '));
    if (i == number) return word;
    line.remove_prefix(word.size());
  }
}

// The inode of the socket bound there, as text; its size, or 0.
std::size_t inode_of(const char* table, std::uint32_t address, std::uint16_t port, char (&out)[24]) {
  int fd = ::open(table, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char local[14];
  constexpr char kHex[] = "0123456789ABCDEF";
  for (int i = 0; i < 4; ++i) {  // the address as it lies in memory, read as a number
    unsigned byte = address >> (8 * i) & 0xff;
    local[2 * i] = kHex[byte >> 4];
    local[2 * i + 1] = kHex[byte & 15];
  }
  local[8] = ':';
  for (int i = 0; i < 4; ++i) local[9 + i] = kHex[port >> (12 - 4 * i) & 15];
  std::string_view wanted(local, 13);
  static char text[16384];
  std::size_t have = 0, total = 0, size = 0;
  while (size == 0 && total < kMaxTable) {
    ssize_t n = ::read(fd, text + have, sizeof text - have);
    if (n <= 0) break;
    total += static_cast<std::size_t>(n);
    std::string_view rest(text, have + static_cast<std::size_t>(n));
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      auto line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (!field(line, 1).ends_with(wanted)) continue;  // in the tables of IPv6 it ends with the IPv4 address
      auto inode = field(line, 9);
      if (inode.empty() || inode == "0" || inode.size() >= sizeof out) continue;
      std::memcpy(out, inode.data(), inode.size());
      size = inode.size();
      break;
    }
    have = rest.size() < sizeof text ? rest.size() : 0;
    if (have > 0) std::memmove(text, rest.data(), have);
  }
  ::close(fd);
  return size;
}

// Visits the numbers a directory of /proc has for names, until `visit` gives false.
template <class Visit>
void for_each_number(int directory, Visit visit) {
  alignas(8) static char buffer[4096];
  bool go_on = true;
  while (go_on) {
    long size = ::syscall(SYS_getdents64, directory, buffer, sizeof buffer);
    if (size <= 0) break;
    for (long at = 0; at < size && go_on;) {
      auto* entry = reinterpret_cast<dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') go_on = visit(entry->d_name);
    }
  }
}

std::uint32_t number_of(const char* text) {
  std::uint32_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text) value = value * 10 + static_cast<std::uint32_t>(*text - '0');
  return value;
}

int open_of(std::uint32_t pid, std::string_view file, int flags) {
  char path[64];
  Text text(path);
  text << "/proc/" << std::uint64_t{pid} << file << std::string_view("\0", 1);
  return ::open(path, flags | O_CLOEXEC);
}

bool holds(std::uint32_t pid, std::string_view socket, std::size_t& links) {
  int directory = open_of(pid, "/fd", O_RDONLY | O_DIRECTORY);
  if (directory < 0) return false;
  bool found = false;
  for_each_number(directory, [&](const char* name) {
    char target[64];
    ssize_t n = ::readlinkat(directory, name, target, sizeof target);
    found = n > 0 && std::string_view(target, static_cast<std::size_t>(n)) == socket;
    return !found && ++links < kMaxLinks;
  });
  ::close(directory);
  return found;
}

Asker describe(std::uint32_t pid) {
  Asker asker;
  asker.pid = pid;
  int fd = open_of(pid, "/comm", O_RDONLY);
  if (fd < 0) return asker;
  ssize_t n = ::read(fd, asker.name, sizeof asker.name);
  ::close(fd);
  asker.size = n > 0 ? static_cast<std::size_t>(n) : 0;
  if (asker.size > 0 && asker.name[asker.size - 1] == '\n') --asker.size;
  return asker;
}

}  // namespace

Asker Whose::find(std::uint32_t address, std::uint16_t port, bool udp) {
  char inode[24];
  std::size_t size = inode_of(udp ? "/proc/net/udp" : "/proc/net/tcp", address, port, inode);
  // A socket for UDP that is not connected is bound to every address; one of IPv6 may speak IPv4.
  if (size == 0 && udp) size = inode_of("/proc/net/udp", 0, port, inode);
  if (size == 0) size = inode_of(udp ? "/proc/net/udp6" : "/proc/net/tcp6", udp ? 0 : address, port, inode);
  if (size == 0) return {};
  char link[48];
  Text text(link);
  text << "socket:[" << std::string_view(inode, size) << "]";
  std::size_t links = 0;
  for (std::uint32_t pid : last_) {
    if (pid != 0 && holds(pid, text.view(), links)) return describe(pid);
  }
  int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return {};
  static std::uint32_t pids[kMaxPids];
  std::size_t count = 0;
  for_each_number(proc, [&](const char* name) {
    pids[count++ % kMaxPids] = number_of(name);
    return true;
  });
  ::close(proc);
  // The newest first: it is the likeliest.
  std::size_t known = count < kMaxPids ? count : kMaxPids;
  for (std::size_t i = 1; i <= known && links < kMaxLinks; ++i) {
    std::uint32_t pid = pids[(count - i) % kMaxPids];
    if (!holds(pid, text.view(), links)) continue;
    last_[next_++ % kRemembered] = pid;
    return describe(pid);
  }
  return {};
}

}  // namespace brig::init::egress
