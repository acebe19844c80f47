// The API's server: HTTP/1.1 and WebSocket on a unix socket and on TCP with TLS. api/openapi.yaml is its
// truth.
//
// Who calls: on the unix socket whom the kernel names (root is an admin; members of `group` and the service's
// own uid are users; all others are refused), on TCP whoever a bearer token stands for. Agents are handed
// over, as whom they are said to be, and find nothing but their mesh's endpoint. Whatever comes in is
// bounded: heads, bodies, time, requests a connection, connections, and requests a second.
//
// Ownership: owns its sockets and connections; borrows Services. Threads: the loop's.
// Failure: start() as Result; afterwards a connection's failure is that connection's own.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/services.hpp"
#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "net/task.hpp"

namespace brig::api {

struct Limits {
  std::size_t head_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;  // where a route does not say less
  Millis head_time{10'000};              // from a request's first byte to the end of its head
  Millis body_time{30'000};
  Millis idle_time{60'000};   // between requests
  Millis write_time{30'000};  // without a byte of an answer being taken
  Millis tls_time{10'000};    // handshake
  unsigned requests_per_connection = 1000;
  unsigned connections = 1024;
  unsigned connections_per_uid = 512;
  unsigned connections_per_address = 64;
  unsigned connections_per_agent = 64;
  unsigned connections_of_agents = 1024;  // of all of them, beside the others
  double requests_per_second = 100;       // for each caller, in bursts of up to `burst`
  double burst = 400;
  double failures_per_minute = 30;  // credentials that were no good, for each address
  Millis ping_interval{20'000};     // on WebSockets; dropped after two without a sign of life
  Millis close_time{2'000};         // for a WebSocket's farewell
};

struct UnixListener {
  std::filesystem::path path;  // a socket file that nobody listens on any more is replaced
  std::optional<gid_t> group;  // who may connect beside root; none: root and the service's own uid
  int given = -1;              // listens there already; borrowed until the Server goes
};

struct TcpListener {
  std::string address = "127.0.0.1";  // a literal; [::] and 0.0.0.0 are every interface
  std::uint16_t port = 0;
  // PEM files. Both empty: a self-signed certificate is made in `tls_dir` at the first start, and its
  // fingerprint logged at every one.
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path tls_dir;
  std::vector<std::string>
      hosts;  // names callers may use in Host, beside the address (and localhost on loopback)
  std::vector<std::string> origins;  // web pages that may call, "https://x.example"; usually none
  int given = -1;                    // listens there already; borrowed until the Server goes
};

// Ports in sandboxes, as web pages: api/preview. Without TLS on loopback, unless there is a certificate.
struct PreviewListener {
  TcpListener tcp;
  std::string domain = "localhost";  // previews are ID.DOMAIN; browsers know that *.localhost is here
};

struct Config {
  std::optional<UnixListener> unix_socket;
  std::optional<TcpListener> tcp;
  std::optional<PreviewListener> preview;
  Limits limits;
};

class Server {
 public:
  Server(boost::asio::any_io_executor executor, Config config, Services services);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // only after stop(), or if never started

  // Binds and listens; nothing is accepted before the next turn of the loop.
  Result<void> start();
  // Accepts no more, lets requests finish for `grace`, closes WebSockets with 1012, then cancels what is
  // left.
  net::Task<void> stop(Millis grace);

  // Serves an agent at the endpoint of its mesh, and nothing else, on this connected socket.
  void meet_agent(UniqueFd connection, session::Caller agent);

  std::uint16_t tcp_port() const;                           // as bound; 0 without TCP
  std::string preview_origin(const std::string& id) const;  // empty where none are served
  std::string tls_fingerprint() const;  // SHA-256 of the certificate, "AB:CD:…"; empty without TCP

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The text of openapi.yaml, as built in.
std::string_view openapi_document();

}  // namespace brig::api
