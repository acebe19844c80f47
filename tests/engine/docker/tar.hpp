// Small tar archives made and read in memory: enough of ustar for tests.
//
// Threads: any. Failure: none; a malformed archive reads as empty.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace brig::docker {

struct TarFile {
  std::string name;
  std::string content;
  unsigned mode = 0644;
};

inline std::string tar_of(const std::vector<TarFile>& files) {
  std::string out;
  for (const auto& file : files) {
    char header[512] = {};
    std::snprintf(header, 100, "%s", file.name.c_str());
    std::snprintf(header + 100, 8, "%07o", file.mode);
    std::snprintf(header + 108, 8, "%07o", 0u);
    std::snprintf(header + 116, 8, "%07o", 0u);
    std::snprintf(header + 124, 12, "%011zo", file.content.size());
    std::snprintf(header + 136, 12, "%011o", 0u);
    std::memset(header + 148, ' ', 8);
    header[156] = '0';
    std::memcpy(header + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header + 148, 8, "%06o", sum);
    out.append(header, sizeof header);
    out += file.content;
    out.append((512 - file.content.size() % 512) % 512, '\0');
  }
  out.append(1024, '\0');
  return out;
}

inline std::map<std::string, std::string> read_tar(const std::string& tar) {
  std::map<std::string, std::string> out;
  for (std::size_t at = 0; at + 512 <= tar.size() && tar[at] != '\0';) {
    std::string name(tar.c_str() + at);
    std::size_t size = std::strtoul(tar.substr(at + 124, 12).c_str(), nullptr, 8);
    if (size > tar.size() - at - 512) break;
    out[name] = tar.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  return out;
}

}  // namespace brig::docker
