#include "service/log_ring.hpp"

#include <algorithm>

namespace brig::service {

void LogRing::hide(const std::map<std::string, Secret>& values) {
  auto is_hidden = [this](std::string_view text) {
    return std::any_of(hidden_.begin(), hidden_.end(),
                       [&](const auto& h) { return h.second.reveal() == text; });
  };
  for (const auto& [name, value] : values) {
    for (auto line : split(value.reveal(), '\n'))
      if (line.size() >= kLeastHidden && !is_hidden(line))
        hidden_.emplace_back("[" + name + "]", Secret(line));
  }
  std::stable_sort(hidden_.begin(), hidden_.end(), [](const auto& a, const auto& b) {
    return a.second.reveal().size() > b.second.reveal().size();
  });
}

std::string LogRing::cleaned(std::string_view text) const {
  std::string out(text);
  for (const auto& [name, value] : hidden_) {
    auto secret = value.reveal();
    for (auto at = out.find(secret); at != out.npos; at = out.find(secret, at + name.size()))
      out.replace(at, secret.size(), name);
  }
  return out;
}

}  // namespace brig::service
