// brigd's end against any supervisor: it never crashes, output comes without holes, exits come once.
//
// Input: one byte of flags (1: a valid HELLO comes first), one byte that sets the size of the pieces the rest
// arrives in, then what the supervisor sends. Processes 1 and 2 have been asked for, a port too.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "core/log.hpp"
#include "supervisor/link.hpp"

namespace {

using namespace brig;
using namespace brig::supervisor;

struct Witness final : LinkObserver {
  std::map<std::uint32_t, std::uint64_t> at;
  std::map<std::uint32_t, int> exits;
  std::uint64_t output_held(std::uint32_t id) override { return at[id]; }
  void on_connected(std::span<const KnownProcess>) override {}
  std::uint64_t on_output(std::uint32_t id, Stream, std::uint64_t offset,
                          std::span<const std::byte> bytes) override {
    if (offset != at[id] || bytes.empty()) std::abort();
    at[id] = offset + bytes.size();
    return id == 2 ? 0 : at[id];  // process 2 is held back
  }
  void on_gap(std::uint32_t id, std::uint64_t from, std::uint64_t to) override {
    if (from != at[id] || to <= from) std::abort();
    at[id] = to;
  }
  void on_exited(std::uint32_t id, Exit, std::uint64_t offset) override {
    if (offset > at[id] || ++exits[id] > 1) std::abort();
  }
  void on_output_end(std::uint32_t id, std::uint64_t offset) override {
    if (offset != at[id]) std::abort();
  }
  void on_stdin_ack(std::uint32_t id, std::uint64_t offset, bool) override {
    if (id <= 2 && offset > 5) std::abort();  // of others the first HELLO may say anything
  }
  void on_disconnected(const Error&) override {}
  void on_finished() override {}
};

net::Task<void> use(Link& link, std::uint32_t id) {
  ProcessSpec spec;
  spec.argv.push_back("x");
  spec.stdin_open = true;
  auto outcome = co_await link.spawn(id, std::move(spec), Deadline::never());
  std::vector<std::byte> five(5);
  auto written = co_await link.write_stdin(id, 0, five);
  if (outcome && written && id == 1) {
    auto channel = co_await link.open_port(80, Deadline::never());
    if (channel) {
      auto bytes = co_await (*channel)->read(100);
      (void)bytes;
    }
  }
  auto stats = co_await link.stats(Deadline::never());
  (void)stats;
}

// One directory for all runs; libFuzzer ends by _Exit(), so each run leaves it as it found it: not there.
const std::filesystem::path& directory() {
  static const std::filesystem::path path = [] {
    log::configure(log::Level::error, log::Format::text);
    return std::filesystem::temp_directory_path() / ("brig-fuzz-link-" + std::to_string(::getpid()));
  }();
  return path;
}

struct Directory {
  Directory() { std::filesystem::create_directory(directory()); }
  ~Directory() { std::filesystem::remove_all(directory()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Directory made;
  net::asio::io_context context(1);
  Witness witness;
  LinkOptions options;
  options.name = "fuzz";
  options.directory = directory();
  options.state.key = Secret(std::string(link::kKeySize, 'k'));
  Link link(context.get_executor(), options, witness);
  if (!link.start()) std::abort();
  for (std::uint32_t id = 1; id <= 2; ++id) {
    net::asio::co_spawn(context, use(link, id), net::asio::detached);
  }
  context.poll();

  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strcpy(to.sun_path, (directory() / "sock").c_str());
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::abort();
  if (data[0] & 1) {
    std::byte frame[link::kHeaderSize + link::kHelloFixed];
    link::encode({.type = link::Type::hello, .length = link::kHelloFixed}, frame);
    link::write_hello_head(frame + link::kHeaderSize, {});
    if (::send(fd, frame, sizeof frame, MSG_NOSIGNAL) < 0) std::abort();
    context.poll();
  }
  std::size_t step = data[1] == 0 ? 65536 : data[1] * 3u;
  std::vector<std::byte> sink(65536);
  for (std::size_t at = 2; at < size; at += step) {
    std::size_t piece = step < size - at ? step : size - at;
    if (::send(fd, data + at, piece, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    context.poll();
    while (::recv(fd, sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
  }
  ::close(fd);
  context.poll();
  bool closed = false;
  auto finish = [](Link& l, bool& done) -> net::Task<void> {
    co_await l.close();
    done = true;
  };
  net::asio::co_spawn(context, finish(link, closed), net::asio::detached);
  context.run();
  if (!closed) std::abort();
  return 0;
}
