// Reading /proc without a heap: every process brig-init can see, but not itself.
//
// Threads: one. Failure: a process that vanishes meanwhile is left out; without /proc there is none.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

inline bool parse_stat(char* text, ProcessStat& out) {
  // The name may hold anything, parentheses too: what counts stands behind the last one.
  char* at = strrchr(text, ')');
  if (!at) return false;
  int parent = 0, group = 0, session = 0;
  unsigned long user = 0, sys = 0;
  long child_user = 0, child_sys = 0;
  int found = ::sscanf(at + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &out.state,
                       &parent, &group, &session, &user, &sys, &child_user, &child_sys);
  out.session = session;
  out.ticks = user + sys + static_cast<unsigned long>(child_user) + static_cast<unsigned long>(child_sys);
  return found == 8;
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
      stat.pid = static_cast<pid_t>(::strtol(entry->d_name, nullptr, 10));
      if (stat.pid == self) continue;
      char path[64], text[1024];
      ::snprintf(path, sizeof path, "%d/stat", stat.pid);
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
