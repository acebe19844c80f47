#include "init_egress/refusal.hpp"

#include "init_egress/text.hpp"

namespace brig::init::egress {
namespace {

using egress_wire::Status;

std::string_view status_line(Status status) {
  switch (status) {
    case Status::ok:
      return "200";
    case Status::denied:
      return "403";
    case Status::unresolvable:
    case Status::unreachable:
    case Status::refused:
      return "502";
    case Status::timeout:
      return "504";
    case Status::invalid:
      return "400";
    default:
      return "503";
  }
}

}  // namespace

std::string_view http_refusal(Status status, std::string_view message, std::span<char> out) {
  Text text(out);
  text << "HTTP/1.1 " << status_line(status) << " ";
  auto first = message.substr(0, message.find('\n')).substr(0, 200);
  for (char c : first) text << (c >= 0x20 && c < 0x7f ? std::string_view(&c, 1) : "?");
  text << "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " << message.size() + 1
       << "\r\nConnection: close\r\nX-Brig-Egress: refused\r\n\r\n"
       << message << "\n";
  return text.view();
}

unsigned dns_error(Status status) {
  switch (status) {
    case Status::ok:
    case Status::asking:
      return 0;
    case Status::denied:
      return 15;  // Blocked
    case Status::unresolvable:
    case Status::unreachable:
    case Status::refused:
      return 22;  // No Reachable Authority
    default:
      return 23;  // Network Error
  }
}

}  // namespace brig::init::egress
