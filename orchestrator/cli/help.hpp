// Help texts, the manual page and the shells' completions, all from the command tree.
//
// Threads: any. Failure: none.
#pragma once

#include <string>
#include <string_view>

#include "cli/output.hpp"
#include "cli/spec.hpp"

namespace brig::cli {

std::string help_text(const CommandSpec& command, const std::string& path, const Style& style);

// "brig run [OPTIONS] PROVIDER [-- ARGS…]"
std::string usage_line(const CommandSpec& command, const std::string& path);

// roff, for brig(1).
std::string manual_page(const CommandSpec& root);

// Scripts for "bash", "zsh", "fish"; empty for another shell.
std::string completion_script(const CommandSpec& root, std::string_view shell);

}  // namespace brig::cli
