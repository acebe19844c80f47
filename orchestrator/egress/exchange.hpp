// A connection to a host that a credential is for: each request is read, made anew with the real secret, and
// sent over TLS of brigd's own; the answer comes back as it is, its head without the secret.
//
// The client speaks TLS, which ends here with a certificate of the session's authority, or plain HTTP. It is
// HTTP/1.1 either way, one request after the other, and may turn into a WebSocket. What is not understood
// ends the connection: one message in, one message out.
//
// Ownership: as Passage; borrows what Means names. Threads: the loop's. Failure: the client is told in HTTP,
// and Ended says why.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "egress/authority.hpp"
#include "egress/injection.hpp"
#include "egress/outward.hpp"
#include "egress/passage.hpp"
#include "init_egress/http_body.hpp"

namespace brig::egress {

class Exchange final : public Passage {
 public:
  struct Means {
    Target target;
    std::shared_ptr<Leaf> leaf;  // none: the client cannot speak TLS to it
    // The secrets for this host as they are now; asked anew for each request.
    std::function<net::Task<Result<std::vector<Injected>>>()> secrets;
    // "" if the head may go to the host, else one sentence.
    std::function<std::string(std::string_view head)> inspect;
    Millis connect{15'000};
    Millis hello{60'000};
  };
  Exchange(net::asio::any_io_executor executor, UniqueFd near, std::unique_ptr<Outward> far, Means means,
           std::function<bool(std::size_t)> spend);

  net::Task<Ended> run(std::string first) override;

 private:
  struct Turn;

  void stop() override;
  net::Task<void> converse();
  net::Task<bool> one_turn();
  net::Task<HeadIs> read_request(RequestHead* head, std::string* why);
  net::Task<Result<void>> read_response(Turn* turn);
  net::Task<void> upload(Turn* turn);
  net::Task<void> download(Turn* turn);
  net::Task<void> pass(Stream* from, Stream* to, std::uint64_t* count);
  net::Task<void> far_says_something();
  net::Task<void> hear_out();
  net::Task<void> refuse(int status, std::string why, bool denied);
  bool spend(std::size_t bytes);
  void fail(std::string why);

  net::asio::any_io_executor executor_;
  Means means_;
  std::unique_ptr<Stream> client_;
  std::unique_ptr<Outward> host_;
  std::string in_;    // of the client, not used yet
  std::string back_;  // of the host, likewise
};

}  // namespace brig::egress
