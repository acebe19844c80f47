// Inside the module: percent-encoding.
#pragma once

#include <string>
#include <string_view>

namespace brig::egress {

// -1: it is none.
int hex_digit(char c);
// As in a query: '+' is a space. What is no escape stays.
std::string percent_decoded(std::string_view text);

}  // namespace brig::egress
