// What the doctor has to know of this brigd.
//
// Threads: plain values. Failure: none.
#pragma once

#include <filesystem>
#include <string>

namespace brig::doctor {

struct Setup {
  std::filesystem::path state_dir;
  std::filesystem::path init_binary;  // brig-init
  std::string group;                  // who may use the socket; empty: root alone
  std::string trust_setting;          // [trust] ca_bundle
  std::filesystem::path trust_file;   // what was made of it; empty: nothing extra is trusted
};

}  // namespace brig::doctor
