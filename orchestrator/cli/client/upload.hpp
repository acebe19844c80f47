// A request whose body is made while it is sent, and given up as soon as brigd answers.
//
//   Client::Upload upload(client);
//   BRIG_CHECK(upload.begin("PUT", target, "application/x-tar"));
//   while (upload.write(more)) …
//   BRIG_CHECK(upload.finish());
//
// Ownership: borrows the client, which does nothing else meanwhile. Threads: one. Failure: write() false:
// finish() says why.
#pragma once

#include <optional>

#include "cli/client/http.hpp"

namespace brig::cli {

class Client::Upload {
 public:
  explicit Upload(Client& client) : client_(client) {}

  Result<void> begin(std::string_view method, std::string_view target, std::string_view type);
  bool write(std::string_view bytes);
  // The answer's body, if it is a good one.
  Result<std::string> finish();
  bool stopped() const { return stopped_; }

 private:
  bool flush();
  bool send(std::string_view bytes);

  Client& client_;
  Exchange exchange_;
  std::string chunk_;
  bool stopped_ = false;  // by an early answer, or for:
  std::optional<Error> failure_;
};

}  // namespace brig::cli
