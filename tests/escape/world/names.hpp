// What the resolver outside answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brig::escape {

struct Question {
  std::string name;  // lower case
  std::uint16_t type = 0;
};

std::optional<Question> read_question(std::string_view packet);

// `times`: how often this name was asked for already.
std::string answer_to(std::string_view packet, const Question& question, std::size_t times);

}  // namespace brig::escape
