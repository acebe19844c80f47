#include "egress/resolver.hpp"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "core/text.hpp"

namespace brig::egress {
namespace {

using Answer = Result<std::vector<Address>>;

constexpr auto kKeep = std::chrono::seconds(2);
constexpr std::size_t kMaxKept = 1024;
constexpr std::size_t kMaxAddresses = 16;
constexpr Millis kKeepOwn{1'000};
constexpr Millis kPatience{10'000};

Error failure(const std::string& name, int code, int system) {
  auto what = "the name " + quoted(name, 260);
  if (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY)
    return {Code::not_found, what + " does not exist, or has no address", "egress: resolve", false};
  std::string why = code == EAI_SYSTEM ? std::strerror(system) : ::gai_strerror(code);
  return {Code::unavailable, what + " could not be resolved: " + why, "egress: resolve", true};
}

// The name as it is, and nothing else: with the host's search domains an allowed name that does not exist
// would lead to another's, "db" to "db.corp.example". Of this thread's settings, which libc then no longer
// reads again by itself.
void forget_search_domains() {
  if ((_res.options & RES_INIT) != 0) ::res_nclose(&_res);
  if (::res_ninit(&_res) != 0) return;
  _res.options &= ~static_cast<unsigned long>(RES_DNSRCH | RES_DEFNAMES);
}

Answer look_up(const std::string& name) {
  forget_search_domains();
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  int system = errno;
  if (code != 0) return failure(name, code, system);
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<Address> out;
  for (auto* at = list; at && out.size() < kMaxAddresses; at = at->ai_next) {
    Address address;
    if (at->ai_family == AF_INET) {
      std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in*>(at->ai_addr)->sin_addr, 4);
    } else if (at->ai_family == AF_INET6) {
      address.v4 = false;
      std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in6*>(at->ai_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  if (out.empty()) return failure(name, EAI_NODATA, 0);
  return out;
}

class SystemResolver final : public Resolver {
 public:
  SystemResolver(net::asio::any_io_executor executor, net::Worker& worker)
      : executor_(std::move(executor)), worker_(worker) {}

  net::Task<Answer> resolve(std::string name) override {
    auto question = find(name);
    while (!question->answer) {
      if (!question->asking) {
        question->asking = true;
        // Whoever asked may go away; who waits too goes on waiting, so the one that asks runs to its end.
        auto ask = [name] { return look_up(name); };
        auto answer = co_await worker_.run(std::move(ask));
        question->answer = std::move(answer);
        question->until = std::chrono::steady_clock::now() + kKeep;
        question->changed.notify_all();
        break;
      }
      if (!co_await question->changed.wait_until(Deadline::in(kPatience)))
        co_return Error{Code::timeout, "resolving " + quoted(name, 260) + " took too long", "egress: resolve",
                        true};
    }
    co_return *question->answer;
  }

 private:
  struct Question {
    explicit Question(const net::asio::any_io_executor& executor) : changed(executor) {}
    std::optional<Answer> answer;
    std::chrono::steady_clock::time_point until{};
    bool asking = false;
    net::Event changed;
  };

  std::shared_ptr<Question> find(const std::string& name) {
    auto now = std::chrono::steady_clock::now();
    auto& slot = questions_[name];
    if (!slot || (slot->answer && slot->until < now)) slot = std::make_shared<Question>(executor_);
    auto found = slot;
    if (questions_.size() > kMaxKept)
      std::erase_if(questions_, [&](const auto& q) { return q.second->answer && q.second->until < now; });
    if (questions_.size() > kMaxKept) questions_.erase(name);
    return found;
  }

  net::asio::any_io_executor executor_;
  net::Worker& worker_;
  std::map<std::string, std::shared_ptr<Question>> questions_;
};

}  // namespace

std::unique_ptr<Resolver> system_resolver(net::asio::any_io_executor executor, net::Worker& worker) {
  return std::make_unique<SystemResolver>(std::move(executor), worker);
}

bool OwnAddresses::contains(const Address& address, SteadyTime now) {
  if (!looked_ || now - *looked_ >= kKeepOwn) {
    look();
    looked_ = now;
  }
  return known_.contains(canonical(address));
}

void OwnAddresses::look() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  known_.clear();
  for (auto* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr) continue;
    Address address;
    if (at->ifa_addr->sa_family == AF_INET) {
      std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in*>(at->ifa_addr)->sin_addr, 4);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      address.v4 = false;
      std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in6*>(at->ifa_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    known_.insert(canonical(address));
  }
}

}  // namespace brig::egress
