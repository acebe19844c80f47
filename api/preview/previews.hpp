// Ports in sandboxes as web pages: a listener of its own, so that what a sandbox serves never shares an
// origin with the API; a host name of its own for each preview, so that none shares one with another.
//
// Who has the preview's token comes in: in a header, or in the URL once, which is exchanged for a cookie of
// that host that no page can read. See docs/previews.md.
//
// Ownership: owns its socket and connections; borrows the rest. Threads: the loop's. Failure: start() as
// Result.
#pragma once

#include <list>
#include <memory>
#include <set>

#include "api/http/tls.hpp"
#include "api/server.hpp"
#include "api/services.hpp"
#include "net/scope.hpp"

namespace brig::api::preview {

class Proxy;

// What the connections share.
struct PreviewHub {
  Services& services;
  const Limits& limits;
  std::string scheme;
  std::string domain;  // previews are ID.DOMAIN
  std::uint16_t port = 0;
  std::set<Proxy*> proxies;

  std::string host_of(const std::string& id) const { return id + "." + domain + ":" + std::to_string(port); }
};

class PreviewServer {
 public:
  PreviewServer(boost::asio::any_io_executor executor, PreviewListener config, const Limits& limits,
                Services& services);
  ~PreviewServer();
  PreviewServer(const PreviewServer&) = delete;
  PreviewServer& operator=(const PreviewServer&) = delete;

  Result<void> start();
  net::Task<void> stop();
  // The preview is over: who looks at it is cut off.
  void cut(const std::string& id);
  // "http://ID.DOMAIN:PORT"
  std::string origin_of(const std::string& id) const { return hub_.scheme + "://" + hub_.host_of(id); }

 private:
  net::Task<void> watch();
  void take(UniqueFd fd);

  boost::asio::any_io_executor executor_;
  PreviewListener config_;
  Services& services_;
  PreviewHub hub_;
  std::unique_ptr<TlsContext> tls_;
  UniqueFd fd_;
  net::Scope accepting_;
  net::Scope conversing_;
};

}  // namespace brig::api::preview
