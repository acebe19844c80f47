// Reading /proc without a heap: every process brig-init can see, but not itself.
//
// Threads: one. Failure: a process that vanishes meanwhile is left out; without /proc there is none.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

namespace brig::init::system {

struct ProcessStat {
  pid_t pid = 0;
  char state = 0;
  pid_t session = 0;
  std::uint64_t ticks = 0;  // its own and those of the children it waited for
};

// Reads a decimal number at `at`, which moves behind it and the blanks after it. Anything else reads as 0.
inline std::uint64_t take_number(const char*& at) {
  std::uint64_t value = 0;
  if (*at == '-') ++at;
  while (*at >= '0' && *at <= '9') value = value * 10 + static_cast<std::uint64_t>(*at++ - '0');
  while (*at == ' ') ++at;
  return value;
}

// Writes `value` in decimal and gives the end.
inline char* put_number(char* at, std::uint64_t value) {
  char digits[20];
  int count = 0;
  do digits[count++] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

// proc(5): pid (name) state ppid pgrp session … 14: utime stime cutime cstime
inline bool parse_stat(const char* text, ProcessStat& out) {
  // The name may hold anything, parentheses too: what counts stands behind the last one.
  const char* at = strrchr(text, ')');
  if (!at || at[1] != ' ' || at[2] == 0 || at[3] != ' ') return false;
  out.state = at[2];
  at += 4;
  std::uint64_t field[14];
  for (auto& value : field) value = take_number(at);
  out.session = static_cast<pid_t>(field[2]);
  out.ticks = field[10] + field[11] + field[12] + field[13];
  return true;
}

template <class Visit>
void for_each_process(Visit visit) {
  int dir = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return;
  pid_t self = ::getpid();
  alignas(8) char entries[8192];
  while (true) {
    long size = ::syscall(SYS_getdents64, dir, entries, sizeof entries);
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      auto* entry = reinterpret_cast<dirent64*>(entries + at);
      at += entry->d_reclen;
      if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
      ProcessStat stat;
      const char* name = entry->d_name;
      stat.pid = static_cast<pid_t>(take_number(name));
      if (stat.pid == self) continue;
      char path[64], text[1024];
      strcpy(put_number(path, static_cast<std::uint64_t>(stat.pid)), "/stat");
      int fd = ::openat(dir, path, O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      ssize_t n = ::read(fd, text, sizeof text - 1);
      ::close(fd);
      if (n <= 0) continue;
      text[n] = 0;
      if (parse_stat(text, stat)) visit(stat);
    }
  }
  ::close(dir);
}

}  // namespace brig::init::system
