#include "service/login.hpp"

#include "core/text.hpp"

namespace brig::service {

Result<Login> login_of(const Secret& kept, const std::string& key, std::string_view any) {
  auto text = kept.reveal();
  if (text.empty() || text.find_first_of(std::string_view("\n\r\0", 3)) != text.npos)
    return Error{
        Code::invalid,
        "the vault's key " + quoted(key) +
            " opens nothing: it is empty or has several lines; set it to a token, or to user:password",
        "service: login", false};
  auto colon = text.find(':');
  if (colon == text.npos) return Login{std::string(any), Secret(text)};
  return Login{std::string(text.substr(0, colon)), Secret(text.substr(colon + 1))};
}

}  // namespace brig::service
