#include "http/transfer.hpp"

#include <strings.h>

#include <cctype>
#include <cstring>

#include "http/transfer_impl.hpp"

namespace brig::http {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r' || s.back() == '\n')) {
    s.remove_suffix(1);
  }
  return s;
}

Failure::Kind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return Failure::Kind::connect;
    case CURLE_COULDNT_RESOLVE_HOST:
      return Failure::Kind::resolve;
    case CURLE_OPERATION_TIMEDOUT:
      return Failure::Kind::timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
      return Failure::Kind::tls;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_PARTIAL_FILE:
      return Failure::Kind::closed;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING:
      return Failure::Kind::nonsense;
    case CURLE_FILESIZE_EXCEEDED:
      return Failure::Kind::too_large;
    default:
      return Failure::Kind::local;
  }
}

// Headers may carry credentials; freed memory should not.
void wipe(std::string& text) {
  explicit_bzero(text.data(), text.size());
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : all_) {
    if (key == name) return value;
  }
  return {};
}

void Headers::add(std::string_view name, std::string_view value) {
  std::string key(name);
  for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  all_.emplace_back(std::move(key), value);
}

Transfer::Impl::Impl(boost::asio::any_io_executor executor, CurlMulti& m, Request r, const Options& options)
    : multi(m), request(std::move(r)), explain(&options.explain), changed(std::move(executor)) {
  easy = curl_easy_init();
  if (!easy) std::abort();
  set_up(options);
}

Transfer::Impl::~Impl() {
  if (active) multi.remove(easy);
  curl_easy_cleanup(easy);
  for (auto* h = header_list; h; h = h->next) explicit_bzero(h->data, std::strlen(h->data));
  curl_slist_free_all(header_list);
  for (auto& h : request.headers) wipe(h);
}

void Transfer::Impl::set_up(const Options& options) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words.data());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  if (!options.unix_socket.empty()) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
  }
  const auto& tls = options.tls;
  if (!tls.ca.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca.c_str());
  if (!tls.cert.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.cert.c_str());
  if (!tls.key.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key.c_str());
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);

  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  for (const auto& h : request.headers) header_list = curl_slist_append(header_list, h.c_str());
  header_list = curl_slist_append(header_list, "Expect:");  // no round trip before a large body
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  if (request.small) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 1024L);

  if (request.upload) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
    // A stream can't be sent twice, so no connection that may turn out to be dead.
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void Transfer::Impl::begin() {
  if (!request.deadline.is_never()) {
    auto left = request.deadline.left();
    if (left.count() <= 0) {
      over = true;
      refused = Failure::Kind::timeout;
      return;
    }
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  }
  active = true;
  multi.add(easy, *this);
}

void Transfer::Impl::done(int curl_code) {
  active = false;
  over = true;
  code = static_cast<CURLcode>(curl_code);
  changed.notify_all();
}

// The peer closed while we had nothing to send: curl stops listening, and would only find out with the next
// piece of the body, for which we may wait for ever.
void Transfer::Impl::unwatched() {
  if (!active || !sending_paused || receiving_paused) return;
  active = false;
  multi.remove(easy);
  over = true;
  refused = Failure::Kind::closed;
  changed.notify_all();
}

std::optional<Error> Transfer::Impl::failed() const {
  if (error) return error;
  if (!over) return std::nullopt;
  Failure failure;
  if (refused) {
    failure.kind = *refused;
  } else if (code == CURLE_OK && has_head) {
    return std::nullopt;
  } else if (code == CURLE_OK) {
    failure.kind = Failure::Kind::closed;  // in the middle of a header line
  } else {
    failure.kind = kind_of(code);
    long os_error = 0;
    if (failure.kind == Failure::Kind::connect) curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    failure.os_error = static_cast<int>(os_error);
    failure.detail = words[0] != '\0' ? words.data() : curl_easy_strerror(code);
  }
  return (*explain)(failure);
}

// Both may call on_body or on_upload at once, which may pause again. A failure there is reported by done().
void Transfer::Impl::go_on_receiving() {
  if (!active || !std::exchange(receiving_paused, false)) return;
  multi.pause(easy, sending_paused ? CURLPAUSE_SEND : CURLPAUSE_CONT);
}

void Transfer::Impl::go_on_sending() {
  if (!active || !std::exchange(sending_paused, false)) return;
  multi.pause(easy, receiving_paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

std::size_t Transfer::Impl::on_header(char* data, std::size_t size, std::size_t n, void* user) {
  auto& self = *static_cast<Impl*>(user);
  std::string_view line(data, size * n);
  self.header_bytes += line.size();
  if (self.header_bytes > kMaxHeaderBytes) {
    self.refused = Failure::Kind::too_large;
    return 0;
  }
  if (self.has_head) return line.size();  // trailers
  if (line.starts_with("HTTP/")) {
    self.headers.clear();  // those of a 1xx before
    return line.size();
  }
  auto text = trimmed(line);
  if (!text.empty()) {
    auto colon = text.find(':');
    if (colon != text.npos) self.headers.add(trimmed(text.substr(0, colon)), trimmed(text.substr(colon + 1)));
    return line.size();
  }
  long status = 0;
  curl_easy_getinfo(self.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return line.size();
  self.status = static_cast<int>(status);
  self.has_head = true;
  self.changed.notify_all();
  return line.size();
}

std::size_t Transfer::Impl::on_body(char* data, std::size_t size, std::size_t n, void* user) {
  auto& self = *static_cast<Impl*>(user);
  std::size_t bytes = size * n;
  if (self.limit) {
    if (bytes > *self.limit - self.in.size()) {
      self.refused = Failure::Kind::too_large;
      return 0;
    }
  } else if (!self.in.empty() && self.in.size() + bytes > self.request.window) {
    self.receiving_paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  self.in.append(data, bytes);
  if (!self.limit) self.changed.notify_all();
  return bytes;
}

std::size_t Transfer::Impl::on_upload(char* into, std::size_t size, std::size_t n, void* user) {
  auto& self = *static_cast<Impl*>(user);
  if (self.out.empty()) {
    if (self.out_finished) return 0;
    self.sending_paused = true;
    return CURL_READFUNC_PAUSE;
  }
  std::size_t bytes = std::min(size * n, self.out.size());
  std::memcpy(into, self.out.data(), bytes);
  self.out = self.out.subspan(bytes);
  if (self.out.empty()) self.changed.notify_all();
  return bytes;
}

Transfer::Transfer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transfer::~Transfer() = default;

int Transfer::status() const {
  return impl_->status;
}
const Headers& Transfer::headers() const {
  return impl_->headers;
}

net::Task<Result<void>> Transfer::head(Deadline deadline) {
  while (!impl_->has_head && !impl_->over && !impl_->error) {
    bool in_time = co_await impl_->changed.wait_until(deadline);
    if (!in_time) co_return (*impl_->explain)(Failure{Failure::Kind::timeout, 0, {}});
  }
  if (!impl_->has_head) {
    if (auto error = impl_->failed()) co_return std::move(*error);
  }
  co_return Result<void>{};
}

net::Task<Result<bool>> Transfer::read(std::string& into, Deadline deadline) {
  while (impl_->in.empty() && !impl_->over && !impl_->error) {
    impl_->go_on_receiving();
    if (!impl_->in.empty() || impl_->over) break;
    bool in_time = co_await impl_->changed.wait_until(deadline);
    if (!in_time) co_return (*impl_->explain)(Failure{Failure::Kind::timeout, 0, {}});
  }
  if (!impl_->in.empty() && !impl_->error) {
    into.clear();
    into.swap(impl_->in);
    impl_->go_on_receiving();
    co_return true;
  }
  if (auto error = impl_->failed()) co_return std::move(*error);
  co_return false;
}

net::Task<void> Transfer::write(std::span<const std::byte> bytes) {
  // Cancelled or not, curl must not look at the bytes afterwards.
  struct Borrow {
    Impl& impl;
    ~Borrow() { impl.out = {}; }
  } borrow{*impl_};
  impl_->out = bytes;
  impl_->go_on_sending();
  while (!impl_->out.empty() && !impl_->over && !impl_->error) co_await impl_->changed.wait();
}

void Transfer::finish() {
  impl_->out_finished = true;
  impl_->go_on_sending();
}

void Transfer::fail(Error error) {
  if (impl_->error) return;
  impl_->error = std::move(error);
  if (std::exchange(impl_->active, false)) impl_->multi.remove(impl_->easy);
  impl_->over = true;
  impl_->changed.notify_all();
}

}  // namespace brig::http
