// One connection to the fake engine, as a script sees it.
//
// Threads: the connection's own. Failure: what the other end has gone away for is false, or an empty string.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

struct ssl_st;

namespace brig::fake {

struct Request {
  std::string method;
  std::string path;                            // without version and query
  std::string query;                           // as it came, still escaped
  std::string version;                         // "1.41"; empty if none was named
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // if it came with a Content-Length
};

class Peer {
 public:
  Peer(int fd, ssl_st* ssl) : fd_(fd), ssl_(ssl) {}

  // Raw bytes, at once or in pieces of `size`, each sent apart.
  bool send(std::string_view bytes);
  bool trickle(std::string_view bytes, std::size_t size);
  // A whole answer.
  bool reply(int status, std::string_view body, std::string_view type = "application/json",
             std::string_view more_headers = {});
  // A head with chunked encoding; then chunks; then the end.
  bool start_chunks(int status = 200, std::string_view type = "application/json");
  bool chunk(std::string_view bytes);
  bool end_chunks() { return send("0\r\n\r\n"); }

  // What has come, at most 64 KiB; empty at the end.
  std::string read_some();
  // The body of a chunked request, to its end. Empty if it broke off.
  std::string read_chunked();
  // Does nothing until the other end, or the fake engine, closes.
  void hang();
  // Closes our direction only.
  void close_write();
  // The connection ends when the script returns.
  void close() { closed_ = true; }

  bool closed() const { return closed_; }
  // Reads a request; false at the end of the connection.
  bool read_request(Request& request);

 private:
  bool fill();

  int fd_;
  ssl_st* ssl_;
  std::string buffer_;
  bool closed_ = false;
};

}  // namespace brig::fake
