#include "core/error.hpp"

#include <cerrno>
#include <system_error>

namespace brig {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::conflict:
      return "conflict";
    case Code::denied:
      return "denied";
    case Code::unauthenticated:
      return "unauthenticated";
    case Code::too_large:
      return "too_large";
    case Code::rate_limited:
      return "rate_limited";
    case Code::exhausted:
      return "exhausted";
    case Code::unavailable:
      return "unavailable";
    case Code::timeout:
      return "timeout";
    case Code::cancelled:
      return "cancelled";
    case Code::unsupported:
      return "unsupported";
    case Code::protocol:
      return "protocol";
    case Code::corrupt:
      return "corrupt";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

namespace {

Code code_of(int err) {
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return Code::not_found;
    case EEXIST:
    case EBUSY:
      return Code::conflict;
    case EACCES:
    case EPERM:
      return Code::denied;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return Code::exhausted;
    case ETIMEDOUT:
      return Code::timeout;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return Code::unavailable;
    case ENOSYS:
    case EOPNOTSUPP:
      return Code::unsupported;
    case ECANCELED:
      return Code::cancelled;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return Code::invalid;
    default:
      return Code::internal;
  }
}

}  // namespace

Error errno_error(int err, std::string_view text, std::string_view where) {
  return Error{code_of(err), std::string(text) + ": " + std::generic_category().message(err),
               std::string(where), err == EAGAIN || err == EINTR};
}

}  // namespace brig
