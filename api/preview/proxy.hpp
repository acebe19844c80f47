// One connection of somebody who looks at a preview: requests one after another, each checked, passed to the
// port inside over a connection of its own, and its answer passed back; or a WebSocket, until it ends.
//
// Ownership: lives in run(); borrows the PreviewHub. Threads: the loop's. Failure: its own; what goes wrong
// is told as a page of text.
#pragma once

#include <memory>
#include <string>

#include "api/http/stream.hpp"
#include "api/preview/heads.hpp"
#include "api/preview/previews.hpp"

namespace brig::api::preview {

class Proxy {
 public:
  Proxy(PreviewHub& hub, Stream stream);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  net::Task<void> run();
  // Which preview it looks at; empty before the first request.
  const std::string& id() const { return id_; }
  void cut();

 private:
  net::Task<bool> serve_one();
  net::Task<bool> fill(Millis limit);
  net::Task<Result<bool>> let_in(Head* head, Preview* found);
  net::Task<bool> exchange(const Head& head, const Preview& preview);
  net::Task<bool> answer(const Head& head, supervisor::Channel& channel);
  net::Task<bool> pass_body(const Head& head, const Answer& answer, supervisor::Channel& channel,
                            std::string early);
  net::Task<bool> pass_websocket(supervisor::Channel& channel, std::string early);
  net::Task<void> upload(const Head& head, supervisor::Channel& channel);
  net::Task<void> inward(supervisor::Channel& channel);
  net::Task<void> outward(supervisor::Channel& channel, std::string early);
  net::Task<bool> say(int status, std::string text, std::string headers = {});
  net::Task<bool> write(std::string_view text);

  PreviewHub& hub_;
  Stream stream_;
  std::string id_;
  Place place_;
  std::string buffer_;  // read, not yet consumed
  bool upload_whole_ = false;
  bool answered_ = false;  // the head of an answer is out
  bool cut_ = false;
};

}  // namespace brig::api::preview
