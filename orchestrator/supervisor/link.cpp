#include "supervisor/link.hpp"

#include <string.h>

#include "core/text.hpp"
#include "supervisor/link_impl.hpp"

namespace brig::supervisor {

std::string SpawnOutcome::message(const ProcessSpec& spec) const {
  if (started) return "started";
  std::string why = ::strerror(error);
  switch (stage) {
    case Stage::limit:
      if (error == EAGAIN) {
        return "the sandbox already has " + std::to_string(link::kMaxProcesses) +
               " processes of ours; end one first";
      }
      return error == ECANCELED ? "the sandbox is being stopped"
                                : "the sandbox has no memory for another process";
    case Stage::spec:
      return "the process description is not valid";
    case Stage::pipes:
      return "the sandbox could not make pipes for the process: " + why;
    case Stage::terminal:
      return "the sandbox could not make a terminal for the process: " + why;
    case Stage::fork:
      return "the sandbox could not start another process: " + why + " (see its limit of processes)";
    case Stage::cwd:
      return "the directory " + quoted(spec.cwd) + " cannot be used inside the sandbox: " + why;
    case Stage::exec:
      return "the program " + quoted(spec.argv.empty() ? std::string_view() : spec.argv[0]) +
             " cannot be run inside the sandbox: " + why;
  }
  return "the process could not be started: " + why;
}

int SpawnOutcome::exit_code() const {
  if (started) return 0;
  return stage == Stage::exec && (error == ENOENT || error == ENOTDIR) ? 127 : 126;
}

Link::Link(net::asio::any_io_executor executor, LinkOptions options, LinkObserver& observer)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), observer)) {}
Link::~Link() = default;

Result<void> Link::start() {
  return impl_->start();
}
net::Task<void> Link::close() {
  return impl_->close();
}
bool Link::connected() const {
  return impl_->connected();
}
net::Task<Result<void>> Link::wait_connected(Deadline deadline) {
  return impl_->wait_connected(deadline);
}

net::Task<Result<SpawnOutcome>> Link::spawn(std::uint32_t id, ProcessSpec spec, Deadline deadline) {
  return impl_->spawn(id, std::move(spec), deadline);
}

std::optional<std::uint64_t> Link::stdin_offset(std::uint32_t process) const {
  const ProcessEntry* entry = impl_->find(process);
  if (!entry) return std::nullopt;
  return entry->in_taken;
}

net::Task<Result<void>> Link::write_stdin(std::uint32_t process, std::uint64_t offset,
                                          std::span<const std::byte> bytes) {
  return impl_->write_stdin(process, offset, bytes);
}

net::Task<Result<void>> Link::stdin_eof(std::uint32_t process, std::uint64_t offset) {
  return impl_->stdin_eof(process, offset);
}

void Link::ack(std::uint32_t process, std::uint64_t offset) {
  impl_->ack(process, offset);
}

Result<void> Link::signal(std::uint32_t process, int number, Target target) {
  if (number < 1 || number > 64) {
    return Error{Code::invalid, "a signal's number is 1 to 64, not " + std::to_string(number), "supervisor"};
  }
  link::Header header{.type = link::Type::signal,
                      .arg = static_cast<std::uint8_t>(number),
                      .id = process,
                      .value = static_cast<std::uint64_t>(target)};
  return impl_->request(header, process, "deliver the signal");
}

Result<void> Link::resize(std::uint32_t process, TerminalSize size) {
  std::uint64_t value = (std::uint64_t{size.rows} << 16) | size.cols;
  return impl_->request({.type = link::Type::resize, .id = process, .value = value}, process,
                        "resize the terminal");
}

Result<void> Link::forget(std::uint32_t process) {
  return impl_->forget(process);
}

Result<void> Link::shutdown(Millis grace) {
  auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(0, grace.count()));
  link::Header header{.type = link::Type::shutdown, .value = std::min(ms, link::kMaxGraceMs)};
  return impl_->request(header, 0, "shut it down");
}

net::Task<Result<Stats>> Link::stats(Deadline deadline) {
  return impl_->ask(link::Type::stats, deadline, "its statistics");
}

net::Task<Result<void>> Link::ping(Deadline deadline) {
  auto impl = impl_;
  auto answer = co_await impl->ask(link::Type::ping, deadline, "a ping");
  if (!answer) co_return std::move(answer).error();
  co_return Result<void>{};
}

net::Task<Result<std::unique_ptr<Channel>>> Link::open_port(std::uint16_t port, Deadline deadline) {
  return impl_->open_port(port, deadline);
}

}  // namespace brig::supervisor
