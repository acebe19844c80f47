// What brigd asks for, checked and done.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "init/supervisor.hpp"

namespace brig::init {

Process* Supervisor::find_process(std::uint32_t id) {
  for (Process& process : processes_) {
    if (!process.free() && process.id() == id && !process.forgotten()) return &process;
  }
  return nullptr;
}

Channel* Supervisor::find_channel(std::uint32_t id) {
  for (Channel& channel : channels_) {
    if (!channel.free() && channel.id() == id) return &channel;
  }
  return nullptr;
}

bool Supervisor::on_frame(const link::Frame& frame) {
  const link::Header& header = frame.header;
  switch (header.type) {
    case link::Type::spawn_part:
    case link::Type::spawn:
      return on_spawn(frame);
    case link::Type::ack: {
      Process* process = find_process(header.id);
      bool has_output = process && process->state() != link::ProcessState::failed;
      return !has_output || process->output().acknowledge(header.value);
    }
    case link::Type::stdin_data:
    case link::Type::stdin_eof: {
      Process* process = find_process(header.id);
      if (!process || process->state() == link::ProcessState::failed) return true;
      process->set_due(Process::kStdinAck);
      return header.type == link::Type::stdin_eof ? process->input().take_eof(header.value)
                                                  : process->input().take(header.value, frame.payload);
    }
    case link::Type::signal:
      on_signal(header);
      return true;
    case link::Type::resize: {
      Process* process = find_process(header.id);
      if (process && process->terminal() && process->input().fd() >= 0) {
        system::resize(process->input().fd(), static_cast<std::uint16_t>(header.value >> 16),
                       static_cast<std::uint16_t>(header.value & 0xffff));
      }
      return true;
    }
    case link::Type::forget:
      return on_forget(header.id);
    case link::Type::open:
      return on_open(header);
    case link::Type::channel_data:
    case link::Type::channel_end:
    case link::Type::channel_close:
    case link::Type::channel_credit:
      return on_channel(frame);
    case link::Type::stats:
      on_stats(header.value);
      return true;
    case link::Type::ping:
      link_.put({.type = link::Type::pong, .value = header.value});
      return true;
    case link::Type::shutdown:
      begin_shutdown(header.value);
      return true;
    default:
      return false;  // WELCOME and REJECT have had their time
  }
}

bool Supervisor::on_spawn(const link::Frame& frame) {
  const link::Header& header = frame.header;
  // Gathered even if it is one frame: the child must see it, and receive buffers are not inherited.
  if (spawn_size_ > 0 && header.id != spawn_id_) return false;
  if (frame.payload.size() > link::kSpawnHead + link::kMaxSpawnBytes - spawn_size_) return false;
  spawn_id_ = header.id;
  memcpy(spawn_ + spawn_size_, frame.payload.data(), frame.payload.size());
  spawn_size_ += frame.payload.size();
  Connection::wipe(frame);
  if (header.type == link::Type::spawn_part) return true;
  bool fine = true;
  link::SpawnHead head;
  std::span<const std::byte> strings;
  if (Process* known = find_process(header.id)) {
    known->answer_again();
  } else if ((fine = link::read_spawn({spawn_, spawn_size_}, head, strings))) {
    start_process(header.id, head, strings);
  }
  end_spawn_parts();
  return fine;
}

void Supervisor::end_spawn_parts() {
  if (spawn_size_ == 0) return;
  explicit_bzero(spawn_, spawn_size_);
  ::madvise(spawn_, link::kSpawnHead + link::kMaxSpawnBytes, MADV_DONTNEED);
  spawn_size_ = 0;
}

void Supervisor::start_process(std::uint32_t id, const link::SpawnHead& head,
                               std::span<const std::byte> strings) {
  Process* process = nullptr;
  for (Process& slot : processes_) {
    if (slot.free()) {
      process = &slot;
      break;
    }
  }
  if (!process || phase_ != Phase::running) {
    auto error = static_cast<std::uint64_t>(process ? ECANCELED : EAGAIN);
    link_.put({.type = link::Type::spawn_failed,
               .arg = static_cast<std::uint8_t>(link::Stage::limit),
               .id = id,
               .value = error});
    return;
  }
  system::Child child;
  link::Stage stage{};
  int error = 0;
  if (!process->reserve()) {
    process->fail(id, link::Stage::limit, ENOMEM);
  } else if (!system::start(head, strings, child, stage, error)) {
    process->fail(id, stage, error);
  } else {
    process->begin(id, head.terminal, child);
    watch_process(*process);
  }
}

bool Supervisor::on_forget(std::uint32_t id) {
  Process* process = find_process(id);
  if (!process) return true;
  if (process->state() != link::ProcessState::exited && process->state() != link::ProcessState::failed)
    return false;
  if (data_process_ == process) {
    process->forget();
  } else {
    process->release();  // at once: the next SPAWN may need its place
  }
  return true;
}

void Supervisor::on_signal(const link::Header& header) {
  auto target = static_cast<link::Target>(header.value);
  if (target == link::Target::everything) {
    signal_everything(header.arg);
    return;
  }
  Process* process = find_process(header.id);
  if (!process || process->pid() <= 1) return;
  if (target == link::Target::process && !process->alive()) return;
  system::send_signal(process->pid(), target, header.arg);
}

bool Supervisor::on_open(const link::Header& header) {
  if (find_channel(header.id)) return false;
  auto port = static_cast<std::uint16_t>(header.value);
  Channel* channel = nullptr;
  for (Channel& slot : channels_) {
    if (slot.free()) {
      channel = &slot;
      break;
    }
  }
  int error = channel ? 0 : EMFILE;
  if (channel) {
    int fd = system::connect_port(port, false);
    error = fd < 0 ? -fd : channel->open(header.id, fd, port) ? 0 : ENOMEM;
    if (fd >= 0 && error != 0) ::close(fd);
  }
  if (error != 0) {
    auto value = static_cast<std::uint64_t>(error);
    link_.put({.type = link::Type::channel_close, .id = header.id, .value = value});
  } else {
    watch(channel->fd(), kChannel, static_cast<std::size_t>(channel - channels_));
  }
  return true;
}

// A channel that is not known has ended a moment ago on this side: what was on its way to it is dropped.
bool Supervisor::on_channel(const link::Frame& frame) {
  Channel* channel = find_channel(frame.header.id);
  if (!channel || channel->quiet()) return true;
  switch (frame.header.type) {
    case link::Type::channel_data:
      return channel->take(frame.payload);
    case link::Type::channel_end:
      channel->take_end();
      return true;
    case link::Type::channel_close:
      channel->close_quietly();
      return true;
    case link::Type::channel_credit:
      return channel->take_credit(frame.header.value);
    default:
      return false;
  }
}

void Supervisor::on_stats(std::uint64_t token) {
  link::Stats stats;
  system::fill_stats(stats, egress_);
  stats.uptime_ms = system::now_ms() - started_;
  for (Process& process : processes_) {
    if (process.free()) continue;
    if (process.alive()) ++stats.spawned;
    stats.buffered += process.output().size();
  }
  for (Channel& channel : channels_) {
    if (!channel.free()) ++stats.channels;
  }
  std::byte payload[link::kStatsSize];
  link::write_stats(payload, stats);
  link_.put({.type = link::Type::stats_reply, .value = token}, payload);
}

}  // namespace brig::init
