// What a session's connections wait for an answer to, as it comes: for somebody who is attached to it.
//
// Ownership: owns a thread with connections of its own, until it is destroyed. Threads: the owner's; the
// thread inside shares nothing but what is locked. Failure: while brigd cannot be reached there are no
// questions.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/client/http.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

struct Question {
  std::uint64_t number = 0;
  std::string target;   // "example.net:443"
  std::string process;  // what the sandbox says of itself
};

class Questions {
 public:
  Questions(Endpoint endpoint, std::string session);
  ~Questions();
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;

  int fd() const { return changed_.get(); }  // something to read: list() may say something else
  std::vector<Question> list();
  // `scope`: "once", "session" or "always".
  Result<void> answer(std::uint64_t number, bool yes, const char* scope);

 private:
  void follow();
  void refresh(Client& client);

  Endpoint endpoint_;
  std::string session_;
  UniqueFd changed_;
  UniqueFd stop_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<Question> open_;
  std::thread thread_;
};

}  // namespace brig::cli
