#include "fake_engine/peer.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

namespace brig::fake {
namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view s) {
  while (s.starts_with(' ')) s.remove_prefix(1);
  while (s.ends_with(' ')) s.remove_suffix(1);
  return s;
}

std::string hex(std::size_t n) {
  char out[32];
  std::snprintf(out, sizeof out, "%zx", n);
  return out;
}

}  // namespace

bool Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    long n = ssl_ ? ::SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                  : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool Peer::trickle(std::string_view bytes, std::size_t size) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (!send(bytes.substr(0, size))) return false;
  }
  return true;
}

bool Peer::reply(int status, std::string_view body, std::string_view type, std::string_view more_headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + std::string(type) +
                     "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
                     std::string(more_headers) + "\r\n";
  return send(head + std::string(body));
}

bool Peer::start_chunks(int status, std::string_view type) {
  return send("HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + std::string(type) +
              "\r\nTransfer-Encoding: chunked\r\n\r\n");
}

bool Peer::chunk(std::string_view bytes) {
  return send(hex(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n");
}

bool Peer::fill() {
  char piece[65536];
  long n = ssl_ ? ::SSL_read(ssl_, piece, sizeof piece) : ::recv(fd_, piece, sizeof piece, 0);
  if (n <= 0) return false;
  buffer_.append(piece, static_cast<std::size_t>(n));
  return true;
}

std::string Peer::read_some() {
  if (buffer_.empty() && !fill()) return {};
  return std::exchange(buffer_, {});
}

std::string Peer::read_chunked() {
  std::string body;
  while (true) {
    std::size_t end;
    while ((end = buffer_.find("\r\n")) == buffer_.npos) {
      if (!fill()) return {};
    }
    std::size_t size = std::strtoul(buffer_.c_str(), nullptr, 16);
    buffer_.erase(0, end + 2);
    while (buffer_.size() < size + 2) {
      if (!fill()) return {};
    }
    body.append(buffer_, 0, size);
    buffer_.erase(0, size + 2);
    if (size == 0) return body;
  }
}

void Peer::hang() {
  while (!read_some().empty()) {
  }
  closed_ = true;
}

void Peer::close_write() {
  if (ssl_) {
    ::SSL_shutdown(ssl_);
  } else {
    ::shutdown(fd_, SHUT_WR);
  }
}

bool Peer::read_request(Request& request) {
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == buffer_.npos) {
    if (!fill()) return false;
  }
  std::string_view head = std::string_view(buffer_).substr(0, end);
  auto line = head.substr(0, head.find("\r\n"));
  auto space = line.find(' ');
  auto second = line.find(' ', space + 1);
  if (space == line.npos || second == line.npos) return false;
  request = {};
  request.method = line.substr(0, space);
  std::string_view target = line.substr(space + 1, second - space - 1);
  auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != target.npos) request.query = target.substr(question + 1);
  if (request.path.size() > 3 && request.path.starts_with("/v") && std::isdigit(request.path[2])) {
    auto slash = request.path.find('/', 1);
    request.version = request.path.substr(2, slash - 2);
    request.path.erase(0, slash);
  }
  while (head.find("\r\n") != head.npos) {
    head.remove_prefix(head.find("\r\n") + 2);
    auto field = head.substr(0, head.find("\r\n"));
    auto colon = field.find(':');
    if (colon != field.npos)
      request.headers[lower(field.substr(0, colon))] = trimmed(field.substr(colon + 1));
  }
  buffer_.erase(0, end + 4);
  std::size_t length = std::strtoul(request.headers["content-length"].c_str(), nullptr, 10);
  while (buffer_.size() < length) {
    if (!fill()) return false;
  }
  request.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return true;
}

}  // namespace brig::fake
