// Between what an engine or a program says of its progress and what a person is shown.
//
// Threads: plain values. Failure: none; what is not understood is shown as it is.
#pragma once

#include <string>
#include <string_view>

#include "docker/streams.hpp"
#include "image/images.hpp"

namespace brig::image {

// Of the engine's builder: "Step 2/5 : RUN x" is a step of which one in five is done.
Progress from_builder(const docker::Progress& progress);

// Of a pull of `image`.
Progress from_pull(const std::string& image, const docker::Progress& progress);

// Cuts a program's output into lines; a line's end may come later. Long ones are cut.
class Lines {
 public:
  // Each whole line, printable, without its end.
  std::vector<std::string> feed(std::string_view bytes);

 private:
  std::string partial_;
};

}  // namespace brig::image
