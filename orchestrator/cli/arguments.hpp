// What the command line said, by the names in spec.hpp; and the conversions every command needs.
//
// Threads: one owner. Failure: Error{invalid} that names option, value and what is accepted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig::cli {

struct CommandSpec;

class Arguments {
 public:
  // `name` without dashes: "detach". Present at all?
  bool has(std::string_view name) const { return options_.find(name) != options_.end(); }
  // The last value given.
  std::optional<std::string> get(std::string_view name) const;
  std::string get(std::string_view name, std::string_view otherwise) const;
  std::vector<std::string> all(std::string_view name) const;
  Result<std::optional<Millis>> duration(std::string_view name) const;
  Result<std::optional<std::uint64_t>> number(std::string_view name, std::uint64_t max) const;

  const std::vector<std::string>& positionals() const { return positionals_; }
  const std::vector<std::string>& rest() const { return rest_; }
  bool json() const { return has("json"); }

  void set(std::string name, std::string value) { options_[std::move(name)].push_back(std::move(value)); }
  void add_positional(std::string value) { positionals_.push_back(std::move(value)); }
  void set_rest(std::vector<std::string> rest) { rest_ = std::move(rest); }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
  std::vector<std::string> positionals_;
  std::vector<std::string> rest_;
};

struct Parsed {
  const CommandSpec* command = nullptr;
  std::string path;  // "brig image build"
  bool help = false;
  bool version = false;
  Arguments arguments;
};

// On refusal the message names the remedy, with the nearest known word; its exit code is kExitUsage.
Result<Parsed> parse_command_line(const CommandSpec& root, const std::vector<std::string>& words);

// "-d,--detach" → "detach".
std::string_view option_name(std::string_view flags);

}  // namespace brig::cli
