#include "support/fake_reach.hpp"

namespace brig::api::test {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* at = reinterpret_cast<const std::byte*>(text.data());
  return {at, at + text.size()};
}

class Archive final : public session::Download {
 public:
  Archive(std::string bytes, std::size_t piece, std::optional<Error> breaks)
      : bytes_(std::move(bytes)), piece_(piece), breaks_(std::move(breaks)) {}
  net::Task<Result<std::vector<std::byte>>> read() override {
    auto part = bytes_.substr(at_, piece_);
    at_ += part.size();
    if (part.empty() && breaks_) co_return *breaks_;
    co_return bytes_of(part);
  }

 private:
  std::string bytes_;
  std::size_t piece_;
  std::size_t at_ = 0;
  std::optional<Error> breaks_;
};

class Taker final : public session::Upload {
 public:
  explicit Taker(FakeReach& reach) : reach_(reach) {}
  ~Taker() override { reach_.given_up = !reach_.finished; }
  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    if (reach_.refuse) co_return *reach_.refuse;
    reach_.uploaded.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    co_return Result<void>();
  }
  net::Task<Result<void>> finish() override {
    reach_.finished = true;
    co_return Result<void>();
  }

 private:
  FakeReach& reach_;
};

class PortChannel final : public supervisor::Channel {
 public:
  explicit PortChannel(std::shared_ptr<FakePort> port) : port_(std::move(port)) {}
  ~PortChannel() override { port_->gone = true; }
  net::Task<Result<std::vector<std::byte>>> read(std::size_t max) override {
    auto port = port_;
    while (port->to_client.empty() && !port->ended && !port->broken) co_await port->changed.wait();
    if (port->broken && port->to_client.empty())
      co_return Error{Code::unavailable, "the connection into the sandbox has ended: reset", "test", true};
    auto part = port->to_client.substr(0, max);
    port->to_client.erase(0, part.size());
    co_return bytes_of(part);
  }
  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    port_->heard.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (port_->on_heard) port_->on_heard(*port_);
    port_->changed.notify_all();
    co_return Result<void>();
  }
  Result<void> finish_writing() override {
    port_->heard_end = true;
    if (port_->on_heard) port_->on_heard(*port_);
    port_->changed.notify_all();
    return {};
  }

 private:
  std::shared_ptr<FakePort> port_;
};

}  // namespace

std::shared_ptr<FakePort> FakeReach::listen(std::uint16_t port) {
  return ports[port] = std::make_shared<FakePort>(executor_);
}

net::Task<Result<std::unique_ptr<session::Download>>> FakeReach::download(session::Caller, std::string,
                                                                          std::string path) {
  auto it = archives.find(path);
  if (it == archives.end()) co_return Error{Code::not_found, "cannot read '" + path + "'", "test", false};
  co_return std::unique_ptr<session::Download>(std::make_unique<Archive>(it->second, piece, breaks));
}

net::Task<Result<std::unique_ptr<session::Upload>>> FakeReach::upload(session::Caller, std::string,
                                                                      session::UploadSpec wanted) {
  spec = std::move(wanted);
  co_return std::unique_ptr<session::Upload>(std::make_unique<Taker>(*this));
}

net::Task<Result<std::unique_ptr<supervisor::Channel>>> FakeReach::connect(session::Caller, std::string,
                                                                           std::uint16_t port) {
  auto it = ports.find(port);
  if (it == ports.end()) {
    co_return Error{Code::unavailable, "cannot connect to port in the sandbox: Connection refused", "test",
                    true};
  }
  co_return std::unique_ptr<supervisor::Channel>(std::make_unique<PortChannel>(it->second));
}

}  // namespace brig::api::test
