#include "core/exit_code.hpp"

namespace brig {

int exit_code(Code code) {
  switch (code) {
    case Code::invalid:
    case Code::protocol:
    case Code::corrupt:
      return 65;
    case Code::not_found:
      return 66;
    case Code::unavailable:
    case Code::timeout:
      return 69;
    case Code::internal:
      return 70;
    case Code::exhausted:
      return 71;
    case Code::unsupported:
      return 72;
    case Code::conflict:
      return 73;
    case Code::too_large:
      return 74;
    case Code::rate_limited:
      return 75;
    case Code::denied:
    case Code::unauthenticated:
      return 77;
    case Code::cancelled:
      return 130;
  }
  return 70;
}

}  // namespace brig
