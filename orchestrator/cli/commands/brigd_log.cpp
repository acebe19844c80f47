#include "cli/commands/brigd_log.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kLines = 100;
constexpr const char* kKept = "/var/log/brig/brigd.log";  // where deploy/up without systemd has it
constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};

// The process that answers there; none if nobody does, or somebody whom we have no reason to believe.
std::optional<pid_t> who_listens(const std::string& socket) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (!fd || socket.size() >= sizeof at.sun_path) return {};
  std::copy(socket.begin(), socket.end(), at.sun_path);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return {};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  if (peer.uid != 0 && peer.uid != ::geteuid()) return {};
  return peer.pid;
}

// The file that a brigd writes to, if it is one. Where systemd made the socket, systemd is who listens, and
// where its own errors go is not what was asked.
std::optional<fs::path> file_of(const std::string& socket) {
  auto pid = who_listens(socket);
  if (!pid || *pid == 1) return {};
  auto link = fs::path("/proc") / std::to_string(*pid) / "fd/2";
  std::error_code ec;
  if (!fs::is_regular_file(link, ec)) return {};
  auto file = fs::read_symlink(link, ec);
  return ec ? std::nullopt : std::optional(file);
}

// The command that prints the last lines, and those to come.
Result<std::vector<std::string>> reader_of(Context& context, std::uint64_t lines, bool follow) {
  BRIG_TRY(Endpoint endpoint, find_endpoint(context.host(), context.environment()));
  if (endpoint.tls)
    return Error{Code::unsupported,
                 "brigd's own log is on the host that it runs on: say 'brig logs --service' there, as in ssh "
                 "HOST brig logs --service",
                 "cli", false};
  auto count = std::to_string(lines);
  auto file = file_of(endpoint.path);
  std::error_code ec;
  if (!file && fs::is_directory("/run/systemd/system", ec)) {
    std::vector<std::string> out{"journalctl", "--unit=brigd", "--no-pager",
                                 "--quiet",    "--output=cat", "--lines=" + count};
    if (follow) out.push_back("--follow");
    return out;
  }
  if (!file && fs::exists(kKept, ec)) file = kKept;
  if (!file)
    return Error{Code::not_found,
                 "brigd's log is not found: it writes to the standard error that it was started with, which "
                 "is no file, and there is neither a journal nor " +
                     std::string(kKept),
                 "cli", false};
  if (::access(file->c_str(), R_OK) != 0)
    return errno_error(errno, "cannot read " + quoted(file->native(), 300) + " as this user", "cli");
  std::vector<std::string> out{"tail", "-n", count};
  if (follow) out.push_back("-F");
  out.insert(out.end(), {"--", file->native()});
  return out;
}

[[noreturn]] void become(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  auto why = errno_error(errno, "cannot run " + quoted(words[0]), "cli");
  std::fprintf(stderr, "brig: %s\n", why.message.c_str());
  ::_exit(127);
}

// A line of brigd's as an object, whichever of its two formats it is in; of others, the line.
json line_as_json(std::string_view line) {
  auto object = json::parse(line, nullptr, false);
  if (object.is_object()) return object;
  auto words = split(line, ' ');
  if (words.size() < 3 || std::find(std::begin(kLevels), std::end(kLevels), words[1]) == std::end(kLevels))
    return {{"message", printable(line, 64 * 1024)}};
  auto message = line.substr(words[0].size() + words[1].size() + 2);
  return {{"time", printable(words[0])}, {"level", words[1]}, {"message", printable(message, 64 * 1024)}};
}

Result<int> print_as_json(const std::vector<std::string>& reader) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe", "cli");
  UniqueFd out(ends[0]), in(ends[1]);
  pid_t child = ::fork();
  if (child < 0) return errno_error(errno, "cannot start " + quoted(reader[0]), "cli");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // or it would wait for a line that nobody reads
    ::dup2(in.get(), STDOUT_FILENO);
    become(reader);
  }
  in.reset();
  std::unique_ptr<FILE, int (*)(FILE*)> lines(::fdopen(out.release(), "r"), ::fclose);
  char* line = nullptr;
  std::size_t room = 0;
  bool heard = true;
  for (ssize_t n; heard && (n = ::getline(&line, &room, lines.get())) > 0;) {
    if (line[n - 1] == '\n') --n;
    auto object = line_as_json({line, static_cast<std::size_t>(n)});
    print(object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
    heard = flush_output().ok();
  }
  std::free(line);
  ::kill(child, SIGTERM);  // nobody reads any more, or it is at its end
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

}  // namespace

Result<int> brigd_log(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto lines, arguments.number("last", 1'000'000));
  BRIG_TRY(auto reader, reader_of(context, lines.value_or(kLines), arguments.has("follow")));
  if (arguments.json()) return print_as_json(reader);
  become(std::move(reader));
}

}  // namespace brig::cli
