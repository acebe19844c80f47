// Says as whom it runs. In an image it is root's, and setuid and setgid.
#include <unistd.h>

#include <cstdio>

int main() {
  std::printf("%u %u\n", ::geteuid(), ::getegid());
}
