// Supervisor's side of the connection: making it, reading frames, choosing what is sent next.
#include <errno.h>
#include <string.h>

#include "init/supervisor.hpp"

namespace brig::init {
namespace {

constexpr std::uint64_t kFirstRetryMs = 2;
constexpr std::uint64_t kLastRetryMs = 1000;
constexpr std::uint64_t kRetryAfterFaultMs = 100;
constexpr std::uint64_t kHandshakeMs = 10'000;
constexpr std::size_t kReplyRoom = 256;  // more than any single reply

}  // namespace

void Supervisor::connect() {
  int fd = system::connect_link(path_);
  if (fd < 0) {
    retry_ms_ = retry_ms_ == 0 ? kFirstRetryMs : retry_ms_ * 2 < kLastRetryMs ? retry_ms_ * 2 : kLastRetryMs;
    retry_at_ = system::now_ms() + retry_ms_;
    return;
  }
  link_.open(fd);
  watch(fd, kLink, 0);
  welcomed_ = false;
  stalled_ = false;
  handshake_by_ = system::now_ms() + kHandshakeMs;
  send_hello();
  busy_ = true;
}

void Supervisor::disconnect(const char* why, std::uint64_t retry_ms) {
  if (why) system::complain(why);
  link_.close();
  if (welcomed_) retry_ms_ = 0;
  welcomed_ = false;
  bye_queued_ = false;
  data_process_ = nullptr;
  data_channel_ = nullptr;
  end_spawn_parts();
  for (Process& process : processes_) {
    if (!process.free() && process.forgotten()) process.release();
  }
  for (Channel& channel : channels_) {
    if (!channel.free()) channel.release();
  }
  retry_ms_ = retry_ms > retry_ms_ * 2 ? retry_ms : retry_ms_ * 2;
  if (retry_ms_ > kLastRetryMs) retry_ms_ = kLastRetryMs;
  retry_at_ = system::now_ms() + retry_ms_;
}

void Supervisor::send_hello() {
  std::byte payload[link::kHelloFixed + link::kMaxProcesses * link::kHelloRecord];
  link::HelloHead head;
  head.has_key = has_key_;
  head.draining = phase_ != Phase::running;
  memcpy(head.key, key_, sizeof key_);
  std::byte* at = payload + link::kHelloFixed;
  for (Process& process : processes_) {
    if (process.free()) continue;
    link::write_process_record(at, process.record());
    at += link::kHelloRecord;
    ++head.count;
  }
  link::write_hello_head(payload, head);
  link_.put({.type = link::Type::hello}, {payload, static_cast<std::size_t>(at - payload)});
  explicit_bzero(&head, sizeof head);
  explicit_bzero(payload, link::kHelloFixed);
}

bool Supervisor::on_welcome(std::span<const std::byte> payload) {
  link::WelcomeHead head;
  if (!link::read_welcome_head(payload, head)) return false;
  if (has_key_ && memcmp(head.key, key_, sizeof key_) != 0) return false;
  for (Process& process : processes_) {
    if (process.free() || process.state() == link::ProcessState::failed) continue;
    if (!process.output().resume(process.output().begin())) return false;
  }
  const std::byte* at = payload.data() + link::kWelcomeFixed;
  for (std::uint16_t i = 0; i < head.count; ++i, at += link::kWelcomeRecord) {
    link::WelcomeRecord record;
    if (!link::read_welcome_record(at, record)) return false;
    Process* process = find_process(record.id);
    if (!process || process->state() == link::ProcessState::failed) continue;
    if (!process->output().resume(record.held)) return false;
  }
  for (Process& process : processes_) {
    if (!process.free()) process.on_connected();
  }
  memcpy(key_, head.key, sizeof key_);
  has_key_ = true;
  welcomed_ = true;
  retry_ms_ = 0;
  return true;
}

void Supervisor::read_frames() {
  while (link_.up()) {
    stalled_ = false;
    link::Frame frame;
    link::Fault fault{};
    link::Status status = link::Status::more;
    while (!stalled_) {
      if (link_.room() < kReplyRoom) {
        stalled_ = true;
        break;
      }
      status = link_.next(frame, fault);
      if (status != link::Status::frame) break;
      bool fine =
          welcomed_ ? on_frame(frame) : frame.header.type == link::Type::welcome && on_welcome(frame.payload);
      if (fine) continue;
      bool refused = !welcomed_ && frame.header.type == link::Type::reject;
      disconnect(refused ? "brigd refused this supervisor" : "brigd broke the rules of the link",
                 kRetryAfterFaultMs);
      return;
    }
    if (status == link::Status::bad) {
      disconnect(link::to_string(fault), kRetryAfterFaultMs);
      return;
    }
    if (stalled_) return;
    switch (link_.receive()) {
      case Connection::Got::bytes:
        break;
      case Connection::Got::none:
        return;
      case Connection::Got::closed:
        disconnect(nullptr, kFirstRetryMs);
        return;
    }
  }
}

void Supervisor::queue_process(Process& process) {
  std::uint8_t due = process.due();
  const Output& output = process.output();
  if (due & Process::kSpawned) {
    link_.put({.type = link::Type::spawned,
               .id = process.id(),
               .value = static_cast<std::uint32_t>(process.pid())});
    process.clear_due(Process::kSpawned);
  }
  if (due & Process::kFailed) {
    link_.put({.type = link::Type::spawn_failed,
               .arg = process.kind(),
               .id = process.id(),
               .value = process.status()});
    process.clear_due(Process::kFailed);
  }
  if (due & Process::kStdinAck) {
    link_.put({.type = link::Type::stdin_ack,
               .arg = static_cast<std::uint8_t>(process.input().gone() ? 1 : 0),
               .id = process.id(),
               .value = process.input().consumed()});
    process.clear_due(Process::kStdinAck);
  }
  if ((due & Process::kExited) && output.sent() >= process.exit_offset()) {
    std::byte status[4];
    link::store(status, process.status());
    link_.put({.type = link::Type::exited,
               .arg = process.kind(),
               .id = process.id(),
               .value = process.exit_offset()},
              status);
    process.clear_due(Process::kExited);
  }
  if ((due & Process::kEnd) && process.state() != link::ProcessState::starting &&
      output.sent() == output.end()) {
    link_.put({.type = link::Type::output_end, .id = process.id(), .value = output.end()});
    process.clear_due(Process::kEnd);
  }
}

void Supervisor::queue_channel(Channel& channel) {
  if (!channel.quiet()) {
    if (channel.take_opened()) link_.put({.type = link::Type::opened, .id = channel.id()});
    if (std::uint32_t credit = channel.take_consumed()) {
      link_.put({.type = link::Type::channel_credit, .id = channel.id(), .value = credit});
    }
    if (data_channel_ != &channel && channel.take_end_due()) {
      link_.put({.type = link::Type::channel_end, .id = channel.id()});
    }
  }
  if (!channel.over() || data_channel_ == &channel) return;
  if (!channel.quiet()) {
    auto error = static_cast<std::uint64_t>(channel.error());
    link_.put({.type = link::Type::channel_close, .id = channel.id(), .value = error});
  }
  channel.release();
}

void Supervisor::queue_due() {
  for (Process& process : processes_) {
    if (process.free() || link_.room() < kReplyRoom) continue;
    if (process.forgotten()) {
      if (data_process_ != &process) process.release();
    } else if (process.due() != 0) {
      queue_process(process);
    }
  }
  for (Channel& channel : channels_) {
    if (!channel.free() && link_.room() >= kReplyRoom) queue_channel(channel);
  }
}

// Processes and channels take turns, one frame each.
bool Supervisor::pick_data() {
  constexpr std::size_t kAll = link::kMaxProcesses + link::kMaxChannels;
  for (std::size_t i = 0; i < kAll; ++i) {
    std::size_t index = (next_turn_ + i) % kAll;
    if (index < link::kMaxProcesses) {
      Process& process = processes_[index];
      bool quiet = process.free() || process.forgotten() || process.state() == link::ProcessState::starting ||
                   process.state() == link::ProcessState::failed;
      if (quiet) continue;
      link::Stream stream{};
      std::size_t length = process.output().next(link::kMaxPayload, stream);
      if (length == 0) continue;
      iovec parts[2];
      int count = process.output().bytes(process.output().sent(), length, parts);
      link_.start_data({.type = link::Type::output,
                        .arg = static_cast<std::uint8_t>(stream),
                        .length = static_cast<std::uint16_t>(length),
                        .id = process.id(),
                        .value = process.output().sent()},
                       parts, count);
      data_process_ = &process;
    } else {
      Channel& channel = channels_[index - link::kMaxProcesses];
      if (channel.free() || channel.quiet() || channel.ready().empty()) continue;
      auto ready = channel.ready();
      iovec part{const_cast<std::byte*>(ready.data()), ready.size()};
      link_.start_data({.type = link::Type::channel_data,
                        .length = static_cast<std::uint16_t>(ready.size()),
                        .id = channel.id()},
                       &part, 1);
      data_channel_ = &channel;
    }
    next_turn_ = index + 1;
    return true;
  }
  return false;
}

void Supervisor::data_sent() {
  if (data_process_) data_process_->output().mark_sent(link_.data_header().length);
  if (data_channel_) data_channel_->mark_sent();
  data_process_ = nullptr;
  data_channel_ = nullptr;
}

void Supervisor::send_all() {
  while (link_.up()) {
    if (welcomed_) {
      queue_due();
      if (!link_.has_data()) pick_data();
    }
    bool had_data = link_.has_data();
    switch (link_.send()) {
      case Connection::Sent::all:
      case Connection::Sent::blocked:
        return;
      case Connection::Sent::broken:
        disconnect(nullptr, kFirstRetryMs);
        return;
      case Connection::Sent::data:
        break;
    }
    if (had_data && !link_.has_data()) data_sent();
  }
}

}  // namespace brig::init
