// The TCP listener's certificate: the operator's, or one of our own making.
//
// Threads: load() at start; afterwards the loop's. Failure: as Result, naming the file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/result.hpp"

namespace brig::api {

class TlsContext {
 public:
  struct Files {
    std::filesystem::path certificate;  // PEM, with its chain
    std::filesystem::path key;          // PEM
    std::filesystem::path own_dir;      // where ours is made and kept if those are empty
    std::string name;                   // the address or host name that ours is made for
  };
  static Result<std::unique_ptr<TlsContext>> load(const Files& files);
  ~TlsContext();

  const std::string& fingerprint() const { return fingerprint_; }
  void* native() const;  // boost::asio::ssl::context

 private:
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::string fingerprint_;
};

}  // namespace brig::api
