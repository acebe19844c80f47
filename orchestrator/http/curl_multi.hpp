// libcurl's multi interface on the loop: curl says which sockets it waits for, Asio tells it when they are
// ready.
//
// libcurl must never be called from one of its own callbacks; add() and remove() there abort.
//
// Ownership: an easy handle stays its owner's; it must be removed before it, or this, goes.
// Threads: the loop's. Failure: each transfer's CURLcode, given to Handler::done(); out of memory aborts.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace brig::http {

class CurlMulti {
 public:
  class Handler {
   public:
    // The transfer is over and its handle removed. Called outside of curl.
    virtual void done(int curl_code) = 0;
    // curl waits for no socket of this transfer any more, though it is not over. Called outside of curl.
    virtual void unwatched() = 0;

   protected:
    ~Handler() = default;
  };

  // `idle_connections`: how many connections are kept open for reuse.
  CurlMulti(boost::asio::any_io_executor executor, long idle_connections);
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  // Starts the transfer that `easy` (a CURL*) describes.
  void add(void* easy, Handler& handler);
  // The same over a socket that is connected already, for a transfer that connects only
  // (CURLOPT_CONNECT_ONLY). The socket is curl's then. After done() the handle stays, for curl_easy_send()
  // and curl_easy_recv(), until remove().
  void add_connected(void* easy, Handler& handler, int socket);
  // Ends it, if it is under way: done() will not be called.
  void remove(void* easy);
  // curl_easy_pause.
  void pause(void* easy, int mask);
  // True while curl is on the stack: then nothing of curl may be called.
  bool inside() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace brig::http
