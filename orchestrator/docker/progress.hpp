// Reads what an engine tells of a pull, an import or a build, line by line.
//
// Threads: one owner. Failure: feed() what is no progress, result() gives what the engine
// reported.
#pragma once

#include <deque>
#include <string>

#include "docker/json.hpp"
#include "docker/lines.hpp"
#include "docker/pieces.hpp"

namespace brig::docker {

class ProgressReader {
 public:
  ProgressReader(std::string what, ProgressSink sink) : what_(std::move(what)), sink_(std::move(sink)) {}

  Result<void> feed(std::string_view bytes);
  // Once the body is complete.
  Result<void> result();

  const std::string& image_id() const { return image_id_; }        // of {"aux": {"ID": …}}
  const std::string& last_status() const { return last_status_; }  // of an import: the image's id

 private:
  Result<void> take(std::string_view line);
  void keep(std::string_view text);

  std::string what_;
  ProgressSink sink_;
  LineSplitter lines_;
  std::string image_id_;
  std::string last_status_;
  std::string error_;
  std::deque<std::string> tail_;  // the last lines a builder's command wrote
};

}  // namespace brig::docker
