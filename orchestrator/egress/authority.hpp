// The certificate authority of one session, which only its sandbox trusts, and only for the hosts it has
// credentials for: the certificate itself says so (name constraints), and programs hold it to that.
//
// Made when a session begins; its key is a file of root's alone and goes with the session. Certificates of
// hosts are made when they are needed and hold for a day.
//
// Ownership: owns its key; a Leaf lives as long as somebody has it. Threads: the loop's; make() any. Failure:
// as Result.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

struct ssl_ctx_st;

namespace brig::egress {

// What a TLS server of ours is for one host.
class Leaf {
 public:
  explicit Leaf(ssl_ctx_st* context) : context_(context) {}
  ~Leaf();
  Leaf(const Leaf&) = delete;
  ssl_ctx_st* context() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

class Authority {
 public:
  // A new one for these names, kept in `file` (0600). Gives its certificate, as PEM.
  static Result<std::string> make(const std::filesystem::path& file, const std::vector<std::string>& names);
  static Result<std::unique_ptr<Authority>> load(const std::filesystem::path& file);
  ~Authority();

  Result<std::shared_ptr<Leaf>> leaf(const std::string& name, WallTime now);

 private:
  struct Keys;
  explicit Authority(std::unique_ptr<Keys> keys);

  struct Made {
    std::shared_ptr<Leaf> leaf;
    WallTime until{};
  };
  std::unique_ptr<Keys> keys_;
  std::map<std::string, Made> leaves_;
};

}  // namespace brig::egress
