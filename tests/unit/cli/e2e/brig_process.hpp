// The real `brig`, as a child of the test: with pipes, or on a terminal of its own.
//
// Ownership: owns the child and the descriptors; a child that still runs is killed. Threads: one.
// Failure: aborts the test program.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <map>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"

namespace brig::cli::test {

struct BrigOptions {
  std::map<std::string, std::string> environment;
  bool terminal = false;
  bool as_nobody = false;
  std::string directory;
};

class BrigProcess {
 public:
  BrigProcess(const std::string& host, std::vector<std::string> words, BrigOptions options = {});
  ~BrigProcess();

  // Its standard input (or the terminal's master); all of `bytes`.
  void write(std::string_view bytes);
  void close_stdin() { in_.reset(); }
  void close_stdout() { out_.reset(); }
  // Collects until the text is there, or the end.
  bool wait_output(std::string_view text);
  std::string output();  // everything up to the end
  std::string errors();
  // The exit code, or minus the signal.
  int wait();
  pid_t pid() const { return pid_; }
  int in() const { return in_.get(); }
  int out() const { return out_.get(); }

  termios terminal() const;
  void resize(unsigned short rows, unsigned short cols);

 private:
  pid_t pid_ = -1;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd slave_;
  std::string seen_;
};

// One that is run to its end, with this as all of its input.
struct Said {
  std::string out;
  std::string err;
  int code;
};
Said brig(const std::string& host, std::vector<std::string> words, BrigOptions options = {},
          std::string_view input = {});

}  // namespace brig::cli::test
