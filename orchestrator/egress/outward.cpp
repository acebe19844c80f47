#include "egress/outward.hpp"

#include <curl/curl.h>
#include <fcntl.h>

#include <array>

#include "core/text.hpp"
#include "http/curl_multi.hpp"
#include "net/event.hpp"

namespace brig::egress {

struct Outward::Impl final : http::CurlMulti::Handler {
  Impl(net::asio::any_io_executor executor, http::CurlMulti& m, Target t, UniqueFd s)
      : multi(m),
        target(std::move(t)),
        // libcurl has the connection itself registered with the loop while it connects.
        watched(executor, ::fcntl(s.get(), F_DUPFD_CLOEXEC, 3)),
        socket(std::move(s)),
        changed(executor) {}

  void done(int curl_code) override {
    code = static_cast<CURLcode>(curl_code);
    over = true;
    changed.notify_all();
  }
  void unwatched() override {}

  http::CurlMulti& multi;
  Target target;
  Descriptor watched;
  UniqueFd socket;  // until libcurl has it
  net::Event changed;
  CURL* easy = nullptr;
  curl_slist* names = nullptr;
  std::array<char, CURL_ERROR_SIZE> words{};
  bool added = false;
  bool over = false;
  bool stopped = false;
  CURLcode code = CURLE_OK;
};

Outward::Outward(net::asio::any_io_executor executor, http::CurlMulti& multi, Target target,
                 UniqueFd connected, const std::string& authorities)
    : impl_(std::make_unique<Impl>(std::move(executor), multi, std::move(target), std::move(connected))) {
  auto& i = *impl_;
  i.easy = curl_easy_init();
  if (!i.easy) std::abort();
  auto place = to_string(i.target.host, i.target.port);
  // Nothing is looked up: the connection is there. An address is needed all the same.
  i.names = curl_slist_append(nullptr, (place + ":192.0.2.1").c_str());
  auto set = [&](CURLoption option, auto value) {
    if (curl_easy_setopt(i.easy, option, value) != CURLE_OK) std::abort();
  };
  set(CURLOPT_URL, ("https://" + place + "/").c_str());
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_RESOLVE, i.names);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_BUFFERSIZE, 1024L);
  set(CURLOPT_ERRORBUFFER, i.words.data());
  set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  set(CURLOPT_CAINFO, authorities.c_str());
}

Outward::~Outward() {
  auto& i = *impl_;
  if (i.added) i.multi.remove(i.easy);
  curl_easy_cleanup(i.easy);
  curl_slist_free_all(i.names);
}

void Outward::stop() {
  impl_->stopped = true;
  boost::system::error_code ignored;
  impl_->watched.cancel(ignored);
  impl_->changed.notify_all();
}

net::Task<Result<void>> Outward::connect(Deadline deadline) {
  auto& i = *impl_;
  auto failed = [&](Code code, const std::string& why) {
    return Error{code, to_string(i.target.host, i.target.port) + " " + why, "egress", false};
  };
  i.added = true;
  i.multi.add_connected(i.easy, i, i.socket.release());
  while (!i.over && !i.stopped)
    if (!co_await i.changed.wait_until(deadline))
      co_return failed(Code::timeout, "did not finish TLS in time");
  if (i.stopped) co_return failed(Code::cancelled, "is not waited for any more");
  if (i.code == CURLE_OK) co_return Result<void>();
  std::string why = i.words[0] ? i.words.data() : curl_easy_strerror(i.code);
  if (i.code == CURLE_PEER_FAILED_VERIFICATION)
    co_return failed(Code::denied, "cannot prove who it is: " + printable(why, 300));
  if (i.code == CURLE_SSL_CACERT_BADFILE)
    co_return failed(Code::unavailable,
                     "cannot be checked, for this host's authorities cannot be read: " + printable(why, 300));
  co_return failed(Code::unavailable, "did not come to TLS: " + printable(why, 300));
}

net::Task<Result<std::size_t>> Outward::read(std::span<char> into) {
  auto& i = *impl_;
  while (!i.stopped) {
    std::size_t size = 0;
    auto code = curl_easy_recv(i.easy, into.data(), into.size(), &size);
    if (code == CURLE_OK) co_return size;
    if (code != CURLE_AGAIN)
      co_return Error{Code::unavailable, "the host broke off: " + std::string(curl_easy_strerror(code)),
                      "egress", false};
    (void)co_await i.watched.async_wait(Descriptor::wait_read, net::use_result);
  }
  co_return Error{Code::cancelled, "it is over", "egress", false};
}

net::Task<Result<void>> Outward::write(std::string_view bytes) {
  auto& i = *impl_;
  while (!bytes.empty() && !i.stopped) {
    std::size_t size = 0;
    auto code = curl_easy_send(i.easy, bytes.data(), bytes.size(), &size);
    if (code == CURLE_AGAIN) {
      (void)co_await i.watched.async_wait(Descriptor::wait_write, net::use_result);
      continue;
    }
    if (code != CURLE_OK)
      co_return Error{Code::unavailable, "the host broke off: " + std::string(curl_easy_strerror(code)),
                      "egress", false};
    bytes.remove_prefix(size);
  }
  if (bytes.empty()) co_return Result<void>();
  co_return Error{Code::cancelled, "it is over", "egress", false};
}

}  // namespace brig::egress
