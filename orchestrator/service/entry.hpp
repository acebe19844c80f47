// Where a server begins, found in what its build left.
//
// That was made by strangers: nothing here follows a link out of it or waits for a pipe. Threads: any;
// blocks. Failure: Error{invalid} that says what is missing or odd, and what would help.
#pragma once

#include "service/services.hpp"

namespace brig::service {

// What is deployed lies here in builders and servers; a directory that is copied keeps its own names.
inline constexpr const char* kFolder = ".service";
inline constexpr const char* kFetched = ".source";  // in builders: what was cloned
inline constexpr const char* kInside = "/workspace/.service";

// The image that a server runs in, if that is its own.
struct EntryImage {
  ImageId id;
  std::string digest;     // by which a registry gives it again; empty: none does
  std::string directory;  // where it begins
};

struct Entry {
  Runtime runtime = Runtime::node;
  std::string version;  // the package's; empty: it says none
  std::vector<std::string> command;
  std::optional<EntryImage> image;  // then there is no runtime
  std::optional<SkillCard> skill;   // then nothing else but the version
};

// As the ledger keeps it. What does not read back is `corrupt`.
std::string entry_to_json(const Entry& entry);
Result<Entry> entry_from_json(const std::string& text);

// In whose image it runs, and is built.
std::string provider_of(Runtime runtime);

bool is_there(int directory, const char* name);

// What a directory looks like to be made for; `directory` may be opened with O_PATH.
Runtime detect_runtime(int directory);

// `root` is the folder's. Whoever deployed it said `runtime`, or it was detected.
Result<Entry> find_entry(int root, const Spec& spec, Runtime runtime);

}  // namespace brig::service
