// The fake brigd's end of one attachment.
#pragma once

#include <string>

#include "fake_brigd.hpp"

namespace brig::cli::test {

class AttachServer {
 public:
  AttachServer(FakeBrigd& brigd, int fd, std::string early)
      : brigd_(brigd), fd_(fd), received_(std::move(early)) {}
  // Until the client leaves, the process has ended, or this brigd dies.
  void run(const std::string& query, const std::string& key);

 private:
  bool flush();  // false: dead
  bool receive();
  bool take_frames();
  bool take_message(unsigned opcode, std::string_view payload);
  void queue(unsigned opcode, std::string_view payload);
  void queue_output();

  FakeBrigd& brigd_;
  int fd_;
  std::string received_;
  std::string outbox_;
  std::uint64_t next_ = 0;
  std::uint64_t acked_ = 0;
  std::size_t life_out_ = 0;
  std::size_t life_in_ = 0;
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace brig::cli::test
