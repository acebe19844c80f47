// What a command has at hand.
//
// Ownership: owns the client. Threads: one. Failure: as Result.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/client/http.hpp"
#include "cli/output.hpp"

namespace brig::cli {

class Context {
 public:
  Context(Environment environment, std::optional<std::string> host)
      : environment_(std::move(environment)),
        host_(std::move(host)),
        out_(1, environment_),
        err_(2, environment_) {}

  const std::optional<std::string>& host() const { return host_; }  // as it was given to us
  const Environment& environment() const { return environment_; }
  const Style& out() const { return out_; }
  const Style& err() const { return err_; }

  // Connects at its first request, not before.
  Result<Client*> client() {
    if (!client_) {
      BRIG_TRY(Endpoint endpoint, find_endpoint(host_, environment_));
      client_ = std::make_unique<Client>(std::move(endpoint));
    }
    return client_.get();
  }

 private:
  Environment environment_;
  std::optional<std::string> host_;
  Style out_;
  Style err_;
  std::unique_ptr<Client> client_;
};

}  // namespace brig::cli
