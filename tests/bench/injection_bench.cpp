// A request to a provider's API by its base URL, where brigd speaks TLS and adds the key, beside the same
// request straight to it: until the first byte of the answer.
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>

#include "entrusting.hpp"
#include "image/trust.hpp"
#include "measure.hpp"

namespace brig::bench {
namespace {

using egress::testing::Entrusting;
using egress::testing::Socket;
using egress::testing::Status;

void at_once(int fd) {
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Answers every request, in a process of its own, so that it shares no lock with us.
class Api {
 public:
  explicit Api(const Entrusting& in) {
    auto* context = in.hosts->server("api.test");
    child_ = ::fork();
    if (child_ != 0) {
      SSL_CTX_free(context);
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      UniqueFd client(::accept4(in.far.listener(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) ::_exit(1);
      at_once(client.get());
      std::thread(serve, std::move(client), context).detach();
    }
  }
  ~Api() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

 private:
  static void serve(UniqueFd client, SSL_CTX* context) {
    auto* tls = SSL_new(context);
    SSL_set_fd(tls, client.get());
    char piece[4096];
    std::string have;
    for (int n; SSL_accept(tls) == 1 && (n = SSL_read(tls, piece, sizeof piece)) > 0;) {
      have.append(piece, static_cast<std::size_t>(n));
      if (!have.ends_with("\r\n\r\n")) continue;
      have.clear();
      constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      SSL_write(tls, kAnswer.data(), static_cast<int>(kAnswer.size()));
    }
    SSL_free(tls);
  }
  pid_t child_;
};

struct Ways {
  Ways() : house(image::host_bundle().string(), fast()), api(house) {
    request = house.get("x-api-key: " + house.held[0].placeholder + "\r\n");
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_load_verify_locations(context, house.trusted.c_str(), nullptr);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  ~Ways() {
    SSL_free(tls);
    SSL_CTX_free(context);
  }

  static egress::Limits fast() {
    egress::Limits out;
    out.per_second = out.burst = 1e6;
    return out;
  }

  // One request, on a connection of its own or on that of the one before.
  std::optional<double> brig(bool anew) {
    auto begin = now();
    if (near.get() < 0 || anew) {
      auto [socket, said] = house.house->ask("api.test", house.far.port());
      if (said.status != Status::ok) return std::nullopt;
      near = std::move(socket);
    }
    near.send(request);
    auto first = near.read(1);
    auto took = now() - begin;
    auto rest = Entrusting::until(near, "\r\n\r\nok");
    return first == "H" && !rest.empty() ? std::optional(took) : std::nullopt;
  }
  std::optional<double> straight(bool anew) {
    auto begin = now();
    if (!tls || anew) {
      SSL_free(tls);
      socket = house.far.reach();
      at_once(socket.get());
      tls = SSL_new(context);
      SSL_set_fd(tls, socket.get());
      SSL_set_tlsext_host_name(tls, "api.test");
      SSL_set1_host(tls, "api.test");
      if (SSL_connect(tls) != 1) return std::nullopt;
    }
    SSL_write(tls, request.data(), static_cast<int>(request.size()));
    char first = 0;
    SSL_read(tls, &first, 1);
    auto took = now() - begin;
    std::string rest(1, first);
    for (char c; !rest.ends_with("\r\n\r\nok") && SSL_read(tls, &c, 1) == 1;) rest += c;
    return first == 'H' ? std::optional(took) : std::nullopt;
  }

 private:
  Entrusting house;
  Api api;
  std::string request;
  SSL_CTX* context;
  Socket near, socket;
  SSL* tls = nullptr;
};

TEST(Injection, FirstByteByTheBaseUrl) {
  Ways ways;
  for (bool anew : {true, false})
    compare(std::string("A request with an injected key, ") + (anew ? "connection and all" : "kept alive") +
                ", to its first byte",
            "µs", 1e6, 300, {"by the base URL, through Brig's door", [&] { return ways.brig(anew); }},
            {"with TLS, straight", [&] { return ways.straight(anew); }}, "at most 2000 µs more");
}

}  // namespace
}  // namespace brig::bench
