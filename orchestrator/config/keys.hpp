// Inside the module: every key of brig.toml, once.
//
// Threads: any. Failure: kept in the Table that is read.
#pragma once

#include <span>
#include <string_view>

#include "config/config.hpp"
#include "config/table.hpp"

namespace brig::config {

struct Key {
  std::string_view table;  // "service", "api.tcp"
  std::string_view name;
  std::string_view standard;  // the default, as TOML; empty: absent
  std::string_view example;   // shown where there is no default
  std::string_view meaning;   // one sentence or two
  // Takes the value over if the file has it.
  void (*read)(Table& table, std::string_view name, Config& into);
};

struct TableMeaning {
  std::string_view table;
  std::string_view meaning;
};

std::span<const Key> keys();
std::span<const TableMeaning> tables();

}  // namespace brig::config
