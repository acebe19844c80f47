#include "cli/ask.hpp"

#include <iostream>

namespace brig::cli {

bool yes(const std::string& question) {
  std::cerr << question << " [y/N] " << std::flush;
  std::string line;
  return std::getline(std::cin, line) && (line == "y" || line == "Y" || line == "yes");
}

}  // namespace brig::cli
