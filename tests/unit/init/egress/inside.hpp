// A sandbox's inside without a container: brig-init with its doors in a network namespace of the test's own,
// and a brigd played by hand.
//
// Ownership: ends brig-init and everything it started, and joins its threads. Threads: the fake brigd has one
// for each connection; what a test gives it runs there. Failure: gtest's.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "core/unique_fd.hpp"
#include "fake_brigd.hpp"

namespace brig::init::egress {

class Inside : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  void start(unsigned nofile = 1024);

  std::string egress_path() const { return (dir_ / "egress").string(); }
  static UniqueFd dial(const std::string& address, std::uint16_t port);
  UniqueFd proxy() { return dial("127.0.0.1", 3128); }
  // A listener on 127.0.0.1, its port in `port`.
  static UniqueFd listen(std::uint16_t& port);
  static UniqueFd accept(const UniqueFd& listener);
  static void say(const UniqueFd& fd, std::string_view text);
  // Reads until `end` has come, or the end of the stream; what else came stays unread only if the peer sent
  // nothing more.
  static std::string hear(const UniqueFd& fd, std::string_view end);
  static std::string hear_all(const UniqueFd& fd) { return hear(fd, ""); }
  static std::string hear_exactly(const UniqueFd& fd, std::size_t size);
  static bool wait_readable(int fd);
  pid_t helper();
  long rss_kb(pid_t pid);

  // A question over UDP, or over TCP.
  static std::string query(std::string_view name, std::uint16_t type, bool extended = true);
  static std::string ask_udp(const std::string& packet);

  std::filesystem::path dir_;
  pid_t init_ = -1;
};

}  // namespace brig::init::egress
