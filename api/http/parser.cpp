#include "api/http/parser.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/text.hpp"

namespace brig::api {
namespace {

namespace http = boost::beast::http;
using boost::asio::buffer;

// "0\r\n\r\n": whatever of a chunked body is over, so much is still to come, and the parser counts on it.
constexpr std::size_t kLeastOfChunks = 5;

Failure refuse(int status, Code code, std::string message) {
  return Failure{Error{code, std::move(message), "http", false}, status, {}, {}};
}

// `head` ends in CRLF CRLF.
std::optional<Failure> check_lines(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    auto c = static_cast<unsigned char>(head[i]);
    if (c == '\n' && (i == 0 || head[i - 1] != '\r'))
      return refuse(400, Code::invalid,
                    "the request's head has a line feed without a carriage return before it");
    if (c == '\r' && head[i + 1] != '\n')
      return refuse(400, Code::invalid,
                    "the request's head has a carriage return without a line feed after it");
    if (c == '\n' && i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t'))
      return refuse(400, Code::invalid,
                    "the request's head has a folded line; write each header on one line");
    if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7F)
      return refuse(400, Code::invalid, "the request's head has a control character in it");
  }
  return std::nullopt;
}

std::optional<Failure> check_framing(const Head& head) {
  if (head.count("Host") != 1) return refuse(400, Code::invalid, "a request needs exactly one Host header");
  auto encodings = head.count("Transfer-Encoding");
  if (encodings > 0) {
    if (encodings > 1 || !same_name(*head.find("Transfer-Encoding"), "chunked"))
      return refuse(501, Code::unsupported,
                    "Transfer-Encoding " + brig::quoted(*head.find("Transfer-Encoding")) +
                        " is not known; use chunked");
    if (head.count("Content-Length") > 0)
      return refuse(400, Code::invalid, "a request cannot have both Content-Length and Transfer-Encoding");
  }
  if (head.count("Content-Length") > 1)
    return refuse(400, Code::invalid, "Content-Length is given more than once");
  if (const auto* length = head.find("Content-Length")) {
    if (length->empty() || length->size() > 19 ||
        length->find_first_not_of("0123456789") != std::string::npos)
      return refuse(400, Code::invalid,
                    "Content-Length " + brig::quoted(*length) + " is not a number of bytes");
  }
  return std::nullopt;
}

}  // namespace

struct RequestParser::Beast {
  http::request_parser<http::string_body> parser;
};

RequestParser::RequestParser(std::size_t head_limit)
    : beast_(std::make_unique<Beast>()), head_limit_(head_limit) {
  beast_->parser.header_limit(static_cast<std::uint32_t>(head_limit));
  beast_->parser.body_limit(boost::none);  // read_body() has its own
}

RequestParser::~RequestParser() = default;

std::size_t RequestParser::read_head(std::string_view bytes, std::optional<Failure>& failure) {
  auto end = bytes.find("\r\n\r\n", scanned_ < 3 ? 0 : scanned_ - 3);
  scanned_ = bytes.size();
  if (end == std::string_view::npos || end + 4 > head_limit_) {
    if (bytes.size() >= head_limit_)
      failure = refuse(431, Code::too_large,
                       "the request's head is larger than " + std::to_string(head_limit_) + " bytes");
    return 0;
  }
  auto text = bytes.substr(0, end + 4);
  failure = check_lines(text);
  if (failure) return 0;

  auto& parser = beast_->parser;
  boost::system::error_code ec;
  parser.put(buffer(text.data(), text.size()), ec);
  if (ec == http::error::bad_version) {
    failure = refuse(505, Code::invalid, "only HTTP/1.1 is spoken here");
    return 0;
  }
  if (ec || !parser.is_header_done()) {
    failure = refuse(400, Code::invalid,
                     "the request's head is malformed: " + (ec ? ec.message() : "it does not end"));
    return 0;
  }
  const auto& message = parser.get();
  if (message.version() != 11) {
    failure = refuse(505, Code::invalid, "only HTTP/1.1 is spoken here");
    return 0;
  }
  head_.method = std::string(message.method_string());
  head_.target = std::string(message.target());
  for (const auto& field : message)
    head_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  failure = check_framing(head_);
  if (failure) return 0;
  head_.chunked = parser.chunked();
  if (auto length = parser.content_length()) head_.content_length = *length;
  head_.keep_alive = parser.keep_alive();
  head_.upgrade = parser.upgrade();
  if (const auto* expect = head_.find("Expect")) {
    head_.expect_continue = same_name(*expect, "100-continue");
    if (!head_.expect_continue) {
      failure =
          refuse(417, Code::invalid, "Expect " + brig::quoted(*expect) + " cannot be met; leave it out");
      return 0;
    }
  }
  return text.size();
}

std::size_t RequestParser::read_body(std::string_view bytes, std::size_t limit,
                                     std::optional<Failure>& failure) {
  auto& parser = beast_->parser;
  auto too_large = [&] {
    return refuse(
        413, Code::too_large,
        "the request's body is larger than the " + std::to_string(limit) + " bytes that are taken here");
  };
  if (head_.content_length.value_or(0) > limit) {
    failure = too_large();
    return 0;
  }
  std::size_t consumed = 0;
  while (!parser.is_done() && consumed < bytes.size()) {
    if (head_.chunked && bytes.size() - consumed < kLeastOfChunks) return consumed;
    boost::system::error_code ec;
    auto n = parser.put(buffer(bytes.data() + consumed, bytes.size() - consumed), ec);
    consumed += n;
    if (parser.get().body().size() > limit) {
      failure = too_large();
      return consumed;
    }
    if (ec == http::error::need_more) {
      if (bytes.size() - consumed > head_limit_)
        failure = refuse(400, Code::invalid, "a chunk's header is larger than is taken here");
      return consumed;
    }
    if (ec) {
      failure = refuse(400, Code::invalid, "the request's body is malformed: " + ec.message());
      return consumed;
    }
    if (n == 0) break;
  }
  return consumed;
}

bool RequestParser::done() const {
  return beast_->parser.is_done();
}

std::string RequestParser::take_body() {
  return std::move(beast_->parser.get().body());
}

}  // namespace brig::api
