// Somebody with a token, who calls the service's API over TLS as any client may.
//
// Ownership: borrows the service. Threads: one. Failure: a status of 0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "brigd.hpp"

namespace brig::escape {

inline constexpr const char* kApi = "127.0.0.1:7543";
// For brig.toml.
inline const std::string kApiConfig = std::string("[api.tcp]\nlisten = \"") + kApi + "\"\n";

struct Reply {
  int status = 0;
  std::string body;
};

class Caller {
 public:
  // A new token of that role, of its own owner.
  Caller(test::Brigd& brigd, const std::string& role);

  // `body` goes as it is, JSON or not.
  Reply call(const std::string& method, const std::string& path, const std::string& body = {}) const;

 private:
  test::Brigd& brigd_;
  std::string token_;
};

}  // namespace brig::escape
