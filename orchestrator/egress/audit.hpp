// One session's account of what it reached and tried to: an append-only file of JSON lines within a bound,
// and whoever follows it.
//
// A connection has a line when it is open and one when it has ended, a denial one. What was written survives
// kill -9. When the file is full it becomes FILE.1 and a new one begins, so the last 4 to 8 MiB are kept.
//
// Ownership: the file; followers outlive it and then end. Threads: the loop's. Failure: what cannot be
// written is logged once and counted, and does not stop the session.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"
#include "net/event.hpp"

namespace brig::egress {

class Audit {
 public:
  class Follower {
   public:
    // The next line; none once the session has ended. Lines it was too slow for are skipped, and said so.
    net::Task<std::optional<std::string>> next();

   private:
    friend class Audit;
    explicit Follower(const net::asio::any_io_executor& executor) : changed_(executor) {}
    std::deque<std::string> lines_;
    std::uint64_t missed_ = 0;
    bool ended_ = false;
    net::Event changed_;
  };

  Audit(net::asio::any_io_executor executor, std::filesystem::path file);
  ~Audit();

  void add(std::string line);  // without its end
  std::shared_ptr<Follower> follow();

  // The last `count` lines of a session's files, also when it has ended.
  static std::vector<std::string> last(const std::filesystem::path& file, std::size_t count);

 private:
  void open();

  net::asio::any_io_executor executor_;
  std::filesystem::path file_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  bool complained_ = false;
  std::vector<std::weak_ptr<Follower>> followers_;
};

}  // namespace brig::egress
