#include "api/attach/websocket.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "api/http/stream_impl.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

constexpr std::size_t kSmallMessage = 4 * 1024;
constexpr int kSendBuffer = 1024 * 1024;

// What Beast reads and writes: either kind of stream, so that its templates are compiled once.
class Layer {
 public:
  using executor_type = asio::any_io_executor;

  explicit Layer(std::shared_ptr<Stream::Impl> impl) : impl_(std::move(impl)) {}
  executor_type get_executor() const { return impl_->socket.get_executor(); }

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    if (impl_->tls) return impl_->tls->async_read_some(buffers, std::forward<Handler>(handler));
    return impl_->socket.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    if (impl_->tls) return impl_->tls->async_write_some(buffers, std::forward<Handler>(handler));
    return impl_->socket.async_write_some(buffers, std::forward<Handler>(handler));
  }
  Stream::Impl& impl() { return *impl_; }

  // The connection ends the stream itself; Beast has nothing to tear down.
  template <class Handler>
  friend void async_teardown(beast::role_type, Layer& layer, Handler&& handler) {
    asio::post(layer.get_executor(),
               beast::bind_front_handler(std::forward<Handler>(handler), beast::error_code()));
  }
  friend void teardown(beast::role_type, Layer&, beast::error_code& ec) { ec = {}; }
  friend void beast_close_socket(Layer& layer) {
    beast::error_code ec;
    layer.impl_->socket.close(ec);
  }

 private:
  std::shared_ptr<Stream::Impl> impl_;
};

Error as_error(const beast::error_code& ec) {
  if (ec == websocket::error::message_too_big || ec == websocket::error::buffer_overflow)
    return Error{
        Code::too_large,
        "a message is larger than " + std::to_string(WebSocket::kMaxMessage) + " bytes; send smaller ones",
        "api: websocket", false};
  if (ec == websocket::error::closed || ec == asio::error::eof ||
      ec.category() == asio::error::get_system_category() ||
      ec.category() == asio::error::get_ssl_category() || ec == asio::ssl::error::stream_truncated)
    return Error{Code::unavailable, "the other end has gone: " + ec.message(), "api: websocket", true};
  return Error{Code::protocol, "the WebSocket rules were broken: " + ec.message(), "api: websocket", false};
}

Failure refuse(int status, std::string message) {
  Failure out{Error{Code::invalid, std::move(message), "api: websocket", false}, status, {}, {}};
  if (status == 426) out.headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
  return out;
}

bool lists(const std::string* value, std::string_view word) {
  if (!value) return false;
  for (auto part : split(*value, ',')) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (same_name(part, word)) return true;
  }
  return false;
}

}  // namespace

std::optional<Failure> check_upgrade(const Head& head, std::string_view protocol) {
  if (!head.upgrade || !lists(head.find("Upgrade"), "websocket"))
    return refuse(426, "this is a WebSocket; ask with Upgrade: websocket");
  const auto* version = head.find("Sec-WebSocket-Version");
  if (!version || *version != "13") {
    auto out = refuse(426, "only version 13 of WebSocket is spoken here");
    out.headers.push_back({"Sec-WebSocket-Version", "13"});
    return out;
  }
  const auto* key = head.find("Sec-WebSocket-Key");
  if (!key || key->size() != 24 || head.count("Sec-WebSocket-Key") != 1)
    return refuse(400, "a WebSocket request needs one Sec-WebSocket-Key of 24 characters");
  if (!lists(head.find("Sec-WebSocket-Protocol"), protocol))
    return refuse(400, "ask for the subprotocol " + std::string(protocol) + " in Sec-WebSocket-Protocol");
  if (head.has_body()) return refuse(400, "a WebSocket request has no body");
  return std::nullopt;
}

struct WebSocket::Impl {
  explicit Impl(Stream& stream) : socket(Layer(stream.impl())) {}
  websocket::stream<Layer, false> socket;  // false: not a byte of code for compression
  beast::flat_buffer received;
  std::uint64_t heard = 0;
  int queued = 0;
};

WebSocket::WebSocket(Stream& stream) : impl_(std::make_unique<Impl>(stream)) {
  auto& socket = impl_->socket;
  socket.read_message_max(kMaxMessage);
  socket.auto_fragment(false);
  socket.set_option(
      websocket::stream_base::timeout{websocket::stream_base::none(), websocket::stream_base::none(), false});
  socket.control_callback([impl = impl_.get()](websocket::frame_type, beast::string_view) { ++impl->heard; });
  // As much as the kernel allows: what a burst of output needs to be sent without a turn of the loop a piece.
  int fd = stream.fd();
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
}

WebSocket::~WebSocket() = default;

net::Task<Result<void>> WebSocket::accept(const Head* head, std::string protocol, std::string request_id) {
  beast::http::request<beast::http::empty_body> request;
  request.version(11);
  request.method(beast::http::verb::get);
  request.target(head->target);
  for (const auto& header : head->headers) request.insert(header.name, header.value);
  auto decorate = [protocol = std::move(protocol),
                   request_id = std::move(request_id)](websocket::response_type& response) {
    response.set(beast::http::field::sec_websocket_protocol, protocol);
    response.set("X-Request-Id", request_id);
  };
  impl_->socket.set_option(websocket::stream_base::decorator(std::move(decorate)));
  auto [ec] = co_await impl_->socket.async_accept(request, net::use_result);
  if (ec) co_return as_error(ec);
  co_return Result<void>();
}

net::Task<Result<WebSocket::Message>> WebSocket::receive() {
  auto& buffer = impl_->received;
  buffer.consume(buffer.size());
  if (buffer.capacity() > kSmallMessage) buffer.shrink_to_fit();  // an idle one keeps nothing
  auto [ec, n] = co_await impl_->socket.async_read(buffer, net::use_result);
  if (ec) co_return as_error(ec);
  ++impl_->heard;
  auto data = buffer.data();
  co_return Message{impl_->socket.got_text(), {static_cast<const std::byte*>(data.data()), data.size()}};
}

net::Task<Result<void>> WebSocket::send(std::span<const std::byte> head, std::span<const std::byte> bytes) {
  impl_->socket.binary(true);
  std::array<asio::const_buffer, 2> buffers{asio::buffer(head.data(), head.size()),
                                            asio::buffer(bytes.data(), bytes.size())};
  auto [ec, n] = co_await impl_->socket.async_write(buffers, net::use_result);
  if (ec) co_return as_error(ec);
  ++impl_->heard;
  co_return Result<void>();
}

net::Task<Result<void>> WebSocket::send_text(std::string text) {
  impl_->socket.text(true);
  std::array<asio::const_buffer, 2> buffers{asio::buffer(text), asio::const_buffer()};
  auto [ec, n] = co_await impl_->socket.async_write(buffers, net::use_result);
  if (ec) co_return as_error(ec);
  co_return Result<void>();
}

net::Task<Result<void>> WebSocket::ping() {
  auto [ec] = co_await impl_->socket.async_ping({}, net::use_result);
  if (ec) co_return as_error(ec);
  co_return Result<void>();
}

net::Task<void> WebSocket::close(std::uint16_t code, std::string reason, Millis limit) {
  auto& plain = impl_->socket.next_layer().impl().socket;
  asio::steady_timer timer(plain.get_executor(), limit);
  auto over = std::make_shared<bool>(false);
  auto give_up = [over, keep = impl_->socket.next_layer()](beast::error_code ec) mutable {
    if (!ec && !*over) keep.impl().socket.close(ec);
  };
  timer.async_wait(std::move(give_up));
  if (reason.size() > websocket::reason_string().max_size()) reason.resize(100);  // ASCII, all of ours
  websocket::close_reason why(static_cast<websocket::close_code>(code), reason);
  co_await impl_->socket.async_close(why, net::use_result);  // however it went, it is over
  *over = true;
}

bool WebSocket::said_goodbye() const {
  auto code = impl_->socket.reason().code;
  return code == websocket::close_code::normal || code == websocket::close_code::going_away;
}

void WebSocket::abort() {
  beast::error_code ec;
  impl_->socket.next_layer().impl().socket.close(ec);
}

std::uint64_t WebSocket::signs_of_life() {
  int queued = 0;
  ::ioctl(impl_->socket.next_layer().impl().socket.native_handle(), SIOCOUTQ, &queued);
  if (queued < impl_->queued) ++impl_->heard;
  impl_->queued = queued;
  return impl_->heard;
}

}  // namespace brig::api
