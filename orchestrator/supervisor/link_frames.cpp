// What the supervisor says, and whether it may.
#include <algorithm>

#include "supervisor/link_impl.hpp"

namespace brig::supervisor {

Result<void> Link::Impl::on_hello(std::shared_ptr<Connection> connection,
                                  std::span<const std::byte> payload) {
  link::HelloHead hello;
  if (!link::read_hello_head(payload, hello)) return violation("its HELLO does not add up");
  std::vector<KnownProcess> known, unwanted;
  std::uint32_t highest = highest_id_;
  for (std::size_t i = 0; i < hello.count; ++i) {
    KnownProcess record;
    if (!link::read_process_record(payload.data() + link::kHelloFixed + i * link::kHelloRecord, record)) {
      return violation("a process in its HELLO does not add up");
    }
    for (auto* list : {&known, &unwanted}) {
      for (const auto& other : *list) {
        if (other.id == record.id) return violation("its HELLO names a process twice");
      }
    }
    auto entry = processes_.find(record.id);
    if (seen_any_ && entry == processes_.end()) {
      if (record.id > highest_id_) return violation("its HELLO names a process nobody asked for");
      unwanted.push_back(record);  // a FORGET that was lost on the way
      continue;
    }
    if (entry != processes_.end() && record.state != ProcessState::failed) {
      const ProcessEntry& ours = entry->second;
      bool too_little = record.stdin_consumed < ours.in_acked && !ours.in_gone;
      if (record.stdin_received > ours.in_taken || too_little) {
        return violation("its HELLO counts input that never was");
      }
      if (record.output_end < ours.on_wire) return violation("its HELLO takes back output");
    }
    highest = std::max(highest, record.id);
    known.push_back(record);
  }
  for (const auto& [id, entry] : processes_) {
    bool there = std::any_of(known.begin(), known.end(), [id = id](const auto& r) { return r.id == id; });
    bool never_ran = entry.spawn || (entry.outcome && !entry.outcome->started);
    if (!there && !never_ran) return violation("its HELLO has lost a process");
  }

  activate(connection);
  highest_id_ = highest;
  seen_any_ = true;
  options_.state.registered = true;

  std::vector<std::byte> welcome(link::kWelcomeFixed + known.size() * link::kWelcomeRecord);
  link::WelcomeHead head;
  head.count = static_cast<std::uint16_t>(known.size());
  auto key = options_.state.key.reveal();
  std::memcpy(head.key, key.data(), link::kKeySize);
  std::byte* at = welcome.data() + link::kWelcomeFixed;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) {
    const KnownProcess& record = known[i];
    bool is_new = !processes_.contains(record.id);
    std::uint64_t held = observer_.output_held(record.id);
    ProcessEntry& entry = processes_[record.id];
    if (held > record.output_end) {
      // It had more once; a supervisor never loses that, so this is another one or a liar.
      return violation("its HELLO takes back output that is stored");
    }
    if (is_new) {
      entry.in_taken = record.stdin_received;
      entry.delivered = held;
    }
    entry.in_acked = entry.in_gone ? entry.in_taken : record.stdin_consumed;
    entry.in.keep_last(entry.in_taken - entry.in_acked);
    entry.on_wire = entry.acked = std::max(held, record.output_begin);
    entry.stored = std::max(entry.stored, entry.acked);
    if (entry.delivered < entry.on_wire) {
      gaps[i] = {entry.delivered, entry.on_wire};
      entry.delivered = entry.on_wire;
    }
    link::write_welcome_record(at, {record.id, held});
    at += link::kWelcomeRecord;
  }
  link::write_welcome_head(welcome.data(), head);
  put({.type = link::Type::welcome}, welcome);
  explicit_bzero(welcome.data(), link::kWelcomeFixed);
  explicit_bzero(&head, sizeof head);

  for (const auto& record : unwanted) {
    if (record.state == ProcessState::exited || record.state == ProcessState::failed) {
      put({.type = link::Type::forget, .id = record.id});
    }
  }
  for (const auto& record : known) {
    ProcessEntry& entry = processes_[record.id];
    bool answered =
        record.state == ProcessState::failed || (entry.spawn && record.state != ProcessState::starting);
    if (answered && !entry.outcome) {
      SpawnOutcome outcome;
      outcome.started = record.state != ProcessState::failed;
      outcome.pid = record.pid;
      if (!outcome.started) {
        outcome.stage = static_cast<Stage>(record.kind);
        outcome.error = static_cast<int>(record.status);
      }
      settle(record.id, entry, outcome);
      if (!processes_.contains(record.id)) continue;
    }
    if (!entry.in_gone && entry.in_taken > record.stdin_received)
      send_stdin(record.id, entry, record.stdin_received);
    if (entry.in_eof && record.stdin_open) {
      put({.type = link::Type::stdin_eof, .id = record.id, .value = *entry.in_eof});
    }
  }
  auto is_known = [&known](std::uint32_t id) {
    return std::any_of(known.begin(), known.end(), [id](const auto& r) { return r.id == id; });
  };
  std::erase_if(processes_, [&](const auto& process) {
    const auto& [id, entry] = process;
    return entry.spawn && !entry.asker && !is_known(id);
  });
  for (auto& [id, entry] : processes_) {
    if (is_known(id) || !entry.spawn || entry.outcome) continue;
    send_spawn(id, *entry.spawn);
    if (!entry.in_gone && entry.in_taken > 0) send_stdin(id, entry, 0);
    if (entry.in_eof) put({.type = link::Type::stdin_eof, .id = id, .value = *entry.in_eof});
  }
  flush();
  changed_.notify_all();

  observer_.on_connected(known);
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (gaps[i].first != gaps[i].second) observer_.on_gap(known[i].id, gaps[i].first, gaps[i].second);
  }
  return {};
}

Result<void> Link::Impl::on_frames(std::span<const std::byte>& bytes) {
  while (active_) {
    link::Frame frame;
    link::Fault fault{};
    switch (link::next_frame(bytes, link::Sender::supervisor, frame, fault)) {
      case link::Status::more:
        return {};
      case link::Status::bad:
        return violation(link::to_string(fault));
      case link::Status::frame:
        break;
    }
    BRIG_CHECK(on_frame(frame));
  }
  return {};
}

Result<void> Link::Impl::on_frame(const link::Frame& frame) {
  switch (frame.header.type) {
    case link::Type::hello:
      return violation("a second HELLO on one connection");
    case link::Type::output:
      return on_output(frame);
    case link::Type::spawned:
    case link::Type::spawn_failed:
    case link::Type::output_end:
    case link::Type::exited:
    case link::Type::stdin_ack:
      return on_process(frame);
    case link::Type::stats_reply:
    case link::Type::pong: {
      if (frame.header.value > last_token_) return violation("it answers what was never asked");
      auto question = questions_.find(frame.header.value);
      if (question == questions_.end()) return {};  // whoever asked has gone
      bool is_stats = frame.header.type == link::Type::stats_reply;
      question->second = is_stats ? link::read_stats(frame.payload.data()) : Stats{};
      changed_.notify_all();
      return {};
    }
    case link::Type::bye:
      observer_.on_finished();
      return {};
    default:
      return on_channel(frame);
  }
}

ProcessEntry* Link::Impl::find(std::uint32_t id) {
  auto it = processes_.find(id);
  return it == processes_.end() ? nullptr : &it->second;
}

Result<void> Link::Impl::on_output(const link::Frame& frame) {
  std::uint32_t id = frame.header.id;
  ProcessEntry* entry = find(id);
  if (!entry) {
    if (id > highest_id_) return violation("output of a process nobody asked for");
    return {};  // forgotten a moment ago
  }
  if (frame.header.value != entry->on_wire) return violation("output that does not go on where it stopped");
  std::uint64_t end = frame.header.value + frame.payload.size();
  if (end - entry->acked > link::kOutputWindow) return violation("more output than its window allows");
  entry->on_wire = end;
  if (end <= entry->delivered) return {};  // sent again, and had before
  std::uint64_t from = entry->delivered;
  auto bytes = frame.payload.subspan(static_cast<std::size_t>(from - frame.header.value));
  entry->delivered = end;
  std::uint64_t stored = observer_.on_output(id, static_cast<Stream>(frame.header.arg), from, bytes);
  entry = find(id);  // the observer may have forgotten it
  if (!entry) return {};
  stored = std::min(stored, entry->delivered);
  if (stored > entry->stored) {
    entry->stored = stored;
    if (touched_.empty() || touched_.back() != id) touched_.push_back(id);
  }
  return {};
}

Result<void> Link::Impl::on_process(const link::Frame& frame) {
  const link::Header& header = frame.header;
  ProcessEntry* entry = find(header.id);
  if (!entry) {
    if (header.id > highest_id_) return violation("news of a process nobody asked for");
    return {};
  }
  switch (header.type) {
    case link::Type::spawned:
    case link::Type::spawn_failed:
      if (entry->spawn && !entry->outcome) {
        SpawnOutcome outcome;
        outcome.started = header.type == link::Type::spawned;
        if (outcome.started) {
          outcome.pid = static_cast<std::uint32_t>(header.value);
        } else {
          outcome.stage = static_cast<Stage>(header.arg);
          outcome.error = static_cast<int>(header.value);
        }
        settle(header.id, *entry, outcome);
        flush();
        changed_.notify_all();
      }
      return {};
    case link::Type::output_end:
      if (header.value != entry->on_wire) return violation("an end of output that is not where output ends");
      if (!entry->end_told) {
        entry->end_told = true;
        observer_.on_output_end(header.id, header.value);
      }
      return {};
    case link::Type::exited: {
      auto status = link::load<std::uint32_t>(frame.payload.data());
      if (header.value > entry->on_wire) return violation("an exit before the output that came first");
      if (status > 255) return violation("an exit status that cannot be");
      if (!entry->exit_told) {
        entry->exit_told = true;
        Exit exit{static_cast<ExitKind>(header.arg), static_cast<int>(status)};
        observer_.on_exited(header.id, exit, header.value);
      }
      return {};
    }
    default: {  // stdin_ack
      if (entry->in_gone) return {};
      if (header.value > entry->in_taken || header.value < entry->in_acked) {
        return violation("it acknowledges input that it was never sent");
      }
      entry->in.keep_last(entry->in_taken - header.value);
      bool news = header.value != entry->in_acked || header.arg == 1;
      entry->in_acked = header.value;
      if (header.arg == 1) {
        entry->in_gone = true;
        entry->in.clear();
        entry->in_acked = entry->in_taken;
      }
      if (!news) return {};
      changed_.notify_all();
      observer_.on_stdin_ack(header.id, header.value, header.arg == 1);
      return {};
    }
  }
}

}  // namespace brig::supervisor
