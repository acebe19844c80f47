// The command line of Brig.
#include "cli/app.hpp"

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return brig::cli::run_brig(words, brig::cli::process_environment);
}
