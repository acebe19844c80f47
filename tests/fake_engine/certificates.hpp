// An authority made for one test, and certificates it signed: for 127.0.0.1, and for a client.
//
// Ownership: the files go with the object's directory, which is the maker's. Threads: any.
// Failure: what cannot be made aborts.
#pragma once

#include <string>

namespace brig::fake {

struct Certificates {
  // Writes ca.pem, cert.pem and key.pem (the client's), server-cert.pem and server-key.pem into `dir`.
  explicit Certificates(std::string dir);

  std::string dir;
  std::string server_cert() const { return dir + "/server-cert.pem"; }
  std::string server_key() const { return dir + "/server-key.pem"; }
  std::string ca() const { return dir + "/ca.pem"; }
};

}  // namespace brig::fake
