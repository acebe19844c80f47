// A stand-in for the inside of a sandbox: what is downloaded, what was uploaded, and ports that answer.
#pragma once

#include <map>

#include "net/event.hpp"
#include "session/reach.hpp"

namespace brig::api::test {

// One connection: what the test makes it say, and what it heard.
struct FakePort {
  explicit FakePort(const boost::asio::any_io_executor& executor) : changed(executor) {}
  net::Event changed;
  std::string to_client;
  bool ended = false;  // by the port
  std::string heard;
  bool heard_end = false;
  bool broken = false;
  bool gone = false;  // nobody holds it any more
  std::function<void(FakePort&)> on_heard;
};

class FakeReach final : public session::Reach {
 public:
  explicit FakeReach(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  net::Task<Result<std::unique_ptr<session::Download>>> download(session::Caller caller, std::string ref,
                                                                 std::string path) override;
  net::Task<Result<std::unique_ptr<session::Upload>>> upload(session::Caller caller, std::string ref,
                                                             session::UploadSpec spec) override;
  net::Task<Result<std::unique_ptr<supervisor::Channel>>> connect(session::Caller caller, std::string ref,
                                                                  std::uint16_t port) override;

  std::map<std::string, std::string> archives;  // by path
  std::size_t piece = 1000;                     // how an archive is cut
  std::optional<Error> breaks;                  // instead of its end
  session::UploadSpec spec;
  std::string uploaded;
  bool finished = false;
  bool given_up = false;
  std::optional<Error> refuse;                               // what an upload answers to bytes
  std::map<std::uint16_t, std::shared_ptr<FakePort>> ports;  // those that listen
  std::shared_ptr<FakePort> listen(std::uint16_t port);

 private:
  boost::asio::any_io_executor executor_;
};

}  // namespace brig::api::test
