// What the session asks of the supervisor.
#include <signal.h>
#include <string.h>

#include <algorithm>

#include "core/text.hpp"
#include "supervisor/link_impl.hpp"

namespace brig::supervisor {
namespace {

constexpr std::size_t kQueueHigh = 512 * 1024;  // callers that bring bytes wait above this

Error no_such_process(std::uint32_t id) {
  return {Code::not_found, "the sandbox has no process " + std::to_string(id), "supervisor"};
}

// The payload of SPAWN; see link_wire/messages.hpp.
Result<std::shared_ptr<SpawnBytes>> encode(const ProcessSpec& spec) {
  auto bad = [](Code code, std::string message) {
    return Error{code, std::move(message), "supervisor: spawn"};
  };
  if (spec.argv.empty() || spec.argv[0].empty())
    return bad(Code::invalid, "a process needs a program to run");
  std::size_t strings = spec.argv.size() + spec.env.size();
  if (strings > link::kMaxSpawnStrings) {
    return bad(Code::too_large, "a process may have at most " + std::to_string(link::kMaxSpawnStrings) +
                                    " arguments and environment variables, not " + std::to_string(strings));
  }
  std::size_t size = spec.cwd.size() + 1;
  for (const auto& arg : spec.argv) size += arg.size() + 1;
  for (const auto& [name, value] : spec.env) size += name.size() + 1 + value.reveal().size() + 1;
  if (size > link::kMaxSpawnBytes) {
    return bad(Code::too_large, "arguments and environment may have 1 MiB together, not " +
                                    std::to_string(size) + " bytes; put the rest into a file");
  }
  auto out = std::make_shared<SpawnBytes>();
  out->bytes.resize(link::kSpawnHead + size);
  link::SpawnHead head;
  head.terminal = spec.terminal.has_value();
  head.stdin_open = spec.stdin_open || head.terminal;
  head.inherit_env = spec.inherit_env;
  head.rows = spec.terminal ? spec.terminal->rows : std::uint16_t{0};
  head.cols = spec.terminal ? spec.terminal->cols : std::uint16_t{0};
  head.argc = static_cast<std::uint32_t>(spec.argv.size());
  head.envc = static_cast<std::uint32_t>(spec.env.size());
  link::write_spawn_head(out->bytes.data(), head);
  std::byte* at = out->bytes.data() + link::kSpawnHead;
  bool has_nul = false;
  auto add = [&](std::string_view text, char end) {
    has_nul = has_nul || text.find('\0') != text.npos;
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at += text.size();
    *at++ = static_cast<std::byte>(end);
  };
  add(spec.cwd, 0);
  for (const auto& arg : spec.argv) add(arg, 0);
  for (const auto& [name, value] : spec.env) {
    if (name.empty() || name.find('=') != name.npos) {
      return bad(Code::invalid, "an environment variable cannot be called " + quoted(name));
    }
    add(name, '=');
    add(value.reveal(), 0);
  }
  if (has_nul) {
    return bad(Code::invalid, "arguments, environment and directory of a process cannot contain a NUL byte");
  }
  return out;
}

}  // namespace

void Link::Impl::send_spawn(std::uint32_t id, const SpawnBytes& spawn) {
  std::span<const std::byte> rest = spawn.bytes;
  while (rest.size() > link::kMaxPayload) {
    put({.type = link::Type::spawn_part, .id = id}, rest.first(link::kMaxPayload));
    rest = rest.subspan(link::kMaxPayload);
  }
  put({.type = link::Type::spawn, .id = id}, rest);
}

// May take `entry` away.
void Link::Impl::settle(std::uint32_t id, ProcessEntry& entry, const SpawnOutcome& outcome) {
  entry.outcome = outcome;
  entry.spawn.reset();  // wiped; the question need not be asked again
  if (entry.asker) {
    *entry.asker = outcome;
    return;
  }
  if (outcome.started) {
    put({.type = link::Type::signal,
         .arg = SIGKILL,
         .id = id,
         .value = static_cast<std::uint64_t>(Target::group)});
  } else {
    processes_.erase(id);
    put({.type = link::Type::forget, .id = id});
  }
}

net::Task<Result<SpawnOutcome>> Link::Impl::spawn(std::uint32_t id, ProcessSpec spec, Deadline deadline) {
  auto self = shared_from_this();
  if (closing_) co_return closed_error();
  if (id == 0 || processes_.contains(id)) {
    co_return Error{Code::conflict, "the sandbox already has a process " + std::to_string(id),
                    "supervisor: spawn"};
  }
  BRIG_CO_TRY(auto bytes, encode(spec));
  ProcessEntry& entry = processes_[id];
  entry.spawn = bytes;
  entry.in_gone = !(spec.stdin_open || spec.terminal);
  highest_id_ = std::max(highest_id_, id);
  // Given up when the caller is cancelled or out of time. The answer does not wait in the entry: the process
  // may have come to its end, and been forgotten, before we are resumed.
  struct Asker {
    std::shared_ptr<Impl> link;
    std::uint32_t id;
    std::optional<SpawnOutcome> answer;
    ~Asker() {
      if (ProcessEntry* now = link->find(id); now && now->asker == &answer) now->asker = nullptr;
    }
  };
  Asker asker{self, id, {}};
  entry.asker = &asker.answer;
  if (active_) {
    send_spawn(id, *bytes);
    flush();
  }
  while (!closing_ && !asker.answer) {
    bool in_time = co_await changed_.wait_until(deadline);
    if (in_time || asker.answer) continue;
    co_return Error{Code::timeout,
                    "the sandbox's supervisor did not start process " + std::to_string(id) + " in time",
                    "supervisor: spawn", true};
  }
  if (!asker.answer) co_return closed_error();
  if (!asker.answer->started) {
    processes_.erase(id);
    put({.type = link::Type::forget, .id = id});
    flush();
  }
  co_return *asker.answer;
}

void Link::Impl::send_stdin(std::uint32_t id, ProcessEntry& entry, std::uint64_t from) {
  for (auto bytes : entry.in.last(entry.in_taken - from)) {
    while (!bytes.empty()) {
      auto piece = bytes.first(std::min(bytes.size(), link::kMaxPayload));
      send({.type = link::Type::stdin_data, .id = id, .value = from}, piece);
      from += piece.size();
      bytes = bytes.subspan(piece.size());
    }
  }
}

net::Task<Result<void>> Link::Impl::write_stdin(std::uint32_t id, std::uint64_t offset,
                                                std::span<const std::byte> rest) {
  auto self = shared_from_this();
  while (!closing_) {
    ProcessEntry* entry = find(id);
    if (!entry) co_return no_such_process(id);
    if (offset > entry->in_taken) {
      co_return Error{Code::invalid,
                      "input for process " + std::to_string(id) + " goes on at " +
                          std::to_string(entry->in_taken) + ", not at " + std::to_string(offset),
                      "supervisor: stdin"};
    }
    // What came before, from this caller or another, is skipped.
    std::uint64_t skip = std::min<std::uint64_t>(entry->in_taken - offset, rest.size());
    rest = rest.subspan(static_cast<std::size_t>(skip));
    offset += skip;
    if (rest.empty()) co_return Result<void>{};
    if (entry->in_gone) {  // nobody reads: counted and dropped
      entry->in_taken += rest.size();
      entry->in_acked = entry->in_taken;
      co_return Result<void>{};
    }
    if (entry->in_eof) {
      co_return Error{Code::conflict, "the input of process " + std::to_string(id) + " has been closed",
                      "supervisor: stdin"};
    }
    auto room = link::kStdinWindow - static_cast<std::size_t>(entry->in_taken - entry->in_acked);
    bool crowded = active_ && active_->out.size() > kQueueHigh;
    if (room == 0 || crowded) {
      co_await changed_.wait();
      continue;
    }
    auto piece = rest.first(std::min(room, rest.size()));
    std::uint64_t from = entry->in_taken;
    entry->in.add(piece);
    entry->in_taken += piece.size();
    if (active_) send_stdin(id, *entry, from);
  }
  co_return closed_error();
}

net::Task<Result<void>> Link::Impl::stdin_eof(std::uint32_t id, std::uint64_t offset) {
  auto self = shared_from_this();
  ProcessEntry* entry = find(id);
  if (!entry) co_return no_such_process(id);
  if (entry->in_eof || entry->in_gone) co_return Result<void>{};
  if (offset != entry->in_taken) {
    co_return Error{Code::invalid,
                    "input for process " + std::to_string(id) + " ends at " +
                        std::to_string(entry->in_taken) + ", not at " + std::to_string(offset),
                    "supervisor: stdin"};
  }
  entry->in_eof = offset;
  put({.type = link::Type::stdin_eof, .id = id, .value = offset});
  flush();
  co_return Result<void>{};
}

void Link::Impl::ack(std::uint32_t id, std::uint64_t offset) {
  ProcessEntry* entry = find(id);
  if (!entry) return;
  entry->stored = std::max(entry->stored, std::min(offset, entry->delivered));
  touched_.push_back(id);
  send_acks();
}

void Link::Impl::send_acks() {
  for (std::uint32_t id : touched_) {
    ProcessEntry* entry = find(id);
    // After a reconnect more may be stored than has come again over this connection: that is not said yet.
    std::uint64_t upto = entry ? std::min(entry->stored, entry->on_wire) : 0;
    if (!entry || upto <= entry->acked) continue;
    entry->acked = upto;
    put({.type = link::Type::ack, .id = id, .value = upto});
  }
  touched_.clear();
  flush();
}

Result<void> Link::Impl::request(link::Header header, std::uint32_t id, const char* what) {
  if (closing_) return closed_error();
  if (id != 0 && !find(id)) return no_such_process(id);
  if (!active_) {
    return Error{Code::unavailable, std::string("the sandbox's supervisor is not connected: cannot ") + what,
                 "supervisor", true};
  }
  put(header);
  flush();
  return {};
}

Result<void> Link::Impl::forget(std::uint32_t id) {
  ProcessEntry* entry = find(id);
  if (!entry) return {};
  if (!entry->exit_told && !(entry->outcome && !entry->outcome->started)) {
    return Error{Code::conflict, "process " + std::to_string(id) + " has not ended", "supervisor"};
  }
  processes_.erase(id);
  // If it is lost on the way, the next HELLO shows it, and it is said again.
  put({.type = link::Type::forget, .id = id});
  flush();
  return {};
}

net::Task<Result<Stats>> Link::Impl::ask(link::Type type, Deadline deadline, std::string what) {
  auto self = shared_from_this();
  struct Question {
    std::shared_ptr<Impl> self;
    std::uint64_t token;
    ~Question() { self->questions_.erase(token); }
  };
  Question question{self, ++last_token_};
  questions_[question.token] = std::nullopt;
  std::shared_ptr<Connection> asked;
  while (!closing_) {
    if (questions_[question.token]) co_return *questions_[question.token];
    if (active_ && asked != active_) {
      asked = active_;
      put({.type = type, .value = question.token});
      flush();
    }
    bool in_time = co_await changed_.wait_until(deadline);
    if (!in_time && !questions_[question.token]) {
      co_return Error{Code::timeout, "the sandbox's supervisor did not answer in time: " + what, "supervisor",
                      true};
    }
  }
  co_return closed_error();
}

}  // namespace brig::supervisor
