// What an agent could leave behind that runs later, on the host, without the person meaning to run it.
//
// The line is drawn at intent: building or testing a project runs the project's code, and whoever does it has
// read the diff or chose not to. What is screened here runs by looking at a directory, by opening an editor,
// by `git status`, by installing packages, by starting an agent. The list is data, each line with its reason.
//
// Names are compared as the most careless file system would: without case, without characters that are
// passed over, without trailing dots and spaces.
//
// Threads: those of with_rights(). Failure: as Result.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "review/changes.hpp"
#include "review/journal.hpp"

namespace brig::review {

struct Concern {
  std::string path;
  std::string reason;  // one clause
  bool never = false;  // cannot be applied, whoever allows it
};

struct Rule {
  std::string_view pattern;  // parts of a path, at any depth; "*" any part, "**" any number of them
  std::string_view reason;
};
std::span<const Rule> screening_rules();
bool matches(std::string_view pattern, std::string_view path);

// For comparing names regardless of case.
std::string folded(std::string_view name);

// `content`: of an operation's file as it would be put on the host.
using ReadContent = std::function<Result<std::string>(std::size_t operation)>;
Result<std::vector<Concern>> screen(const Trees& trees, const std::vector<Operation>& operations,
                                    const ReadContent& content);

}  // namespace brig::review
