// The insides of a transfer, shared by client.cpp, which sets it up, and transfer.cpp, which runs it.
//
// Threads: the loop's. Failure: noted in `error` or `code`; told by whoever reads.
#pragma once

#include <curl/curl.h>

#include <array>

#include "http/client.hpp"
#include "http/curl_multi.hpp"
#include "net/event.hpp"

namespace brig::http {

inline constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

struct Transfer::Impl final : CurlMulti::Handler {
  Impl(boost::asio::any_io_executor executor, CurlMulti& m, Request r, const Options& options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void begin();
  void done(int curl_code) override;
  void unwatched() override;
  // Why it ended, once it has ended badly.
  std::optional<Error> failed() const;
  void go_on_receiving();
  void go_on_sending();

  CurlMulti& multi;
  Request request;
  const std::function<Error(const Failure&)>* explain;
  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  net::Event changed;
  std::array<char, CURL_ERROR_SIZE> words{};

  bool active = false;  // known to curl_multi
  bool over = false;
  CURLcode code = CURLE_OK;
  std::optional<Error> error;  // of ours: goes before curl's
  std::optional<Failure::Kind> refused;

  int status = 0;
  Headers headers;
  std::size_t header_bytes = 0;
  bool has_head = false;

  std::string in;
  std::optional<std::size_t> limit;  // collect everything up to here, instead of pausing at the window
  bool receiving_paused = false;

  std::span<const std::byte> out;
  bool out_finished = false;
  bool sending_paused = false;

 private:
  void set_up(const Options& options);
  static std::size_t on_header(char* data, std::size_t size, std::size_t n, void* user);
  static std::size_t on_body(char* data, std::size_t size, std::size_t n, void* user);
  static std::size_t on_upload(char* into, std::size_t size, std::size_t n, void* user);
};

}  // namespace brig::http
