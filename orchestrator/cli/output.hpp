// What is said to the person: results on standard output, everything else on standard error.
//
// Colour only where a terminal shows it and NO_COLOR is not set.
// Threads: one. Failure: a standard output that cannot be written is noticed by flush_output().
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cli/client/endpoint.hpp"
#include "core/result.hpp"

namespace brig::cli {

enum class Colour { plain, bold, dim, red, green, yellow, blue };

class Style {
 public:
  Style(int fd, const Environment& environment);
  explicit Style(bool on) : on_(on) {}
  bool on() const { return on_; }
  std::string paint(Colour colour, std::string_view text) const;

 private:
  bool on_ = false;
};

void print(std::string_view text);
void print_json(const nlohmann::json& json);
void say_error(std::string_view text);  // "brig: …" on standard error
Result<void> flush_output();

// "5m", "3d": how long ago an RFC 3339 time in UTC was; "" if it is none.
std::string age(std::string_view time);

}  // namespace brig::cli
