#include "brigd.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::test {
namespace {

using harness::Engine;

// Under the tags that brigd's prefix gives our providers, so that they count as built.
void tag_providers(const std::string& prefix) {
  auto made = Engine::shared().ensure_image("brig-test/busybox");
  ASSERT_TRUE(made) << made.error().message;
  for (const auto& entry : std::filesystem::directory_iterator(BRIG_TEST_PROVIDERS)) {
    auto name = entry.path().filename().string();
    auto tagged = Engine::shared().request(
        "POST", "/images/brig-test/busybox/tag?repo=" + prefix + "/" + name + "&tag=latest");
    ASSERT_TRUE(tagged) << tagged.error().message;
  }
}

// What deploy/brigd.service leaves brigd, as setpriv wants to hear it: "-all,+chown,+kill".
std::string capabilities() {
  auto unit = read_file(BRIG_UNIT_FILE, 64 * 1024);
  std::string out = "-all";
  for (auto line : split(unit ? std::string_view(*unit) : std::string_view(), '\n')) {
    constexpr std::string_view kKey = "CapabilityBoundingSet=", kPrefix = "CAP_";
    if (!line.starts_with(kKey)) continue;
    for (auto word : split(line.substr(kKey.size()), ' ')) {
      if (!word.starts_with(kPrefix)) continue;
      out += ",+";
      for (char c : word.substr(kPrefix.size())) out += static_cast<char>(std::tolower(c));
    }
  }
  EXPECT_GT(out.size(), 5u) << BRIG_UNIT_FILE << " says nothing of capabilities";
  return out;
}

}  // namespace

bool eventually(const std::function<bool()>& condition, const std::string& what,
                std::chrono::milliseconds limit) {
  auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) {
      ADD_FAILURE() << "never came true: " << what;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// Of ports below those that connections are made from, each once: until it is listened on, only another run
// of these tests might take it.
std::string free_address() {
  static std::mt19937 random{std::random_device{}()};
  static std::set<int> given;
  for (int tries = 0; tries < 1'000; ++tries) {
    int port = std::uniform_int_distribution<int>(20'000, 32'000)(random);
    if (!given.insert(port).second) continue;
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0)
      return "127.0.0.1:" + std::to_string(port);
  }
  std::abort();
}

void put_file(const std::filesystem::path& path, std::string_view content, uid_t owner) {
  auto written = write_file(path, content, 0644);
  ASSERT_TRUE(written) << written.error().message;
  ASSERT_EQ(::chown(path.c_str(), owner, owner), 0);
}

Brigd::Brigd(std::string extra_config, std::string network, Images images) : network_(std::move(network)) {
  auto dir = Engine::shared().scratch("brigd");
  if (!dir) {
    ADD_FAILURE() << dir.error().message;
    std::abort();
  }
  dir_ = *dir;
  ::chmod(dir_.c_str(), 0755);
  std::ofstream file(config());
  file << "[service]\nstate_dir = \"" << state().string() << "\"\nsocket = \"" << socket().string()
       << "\"\ngroup = \"\"\nlog_level = \"debug\"\n[engine]\nhost = \"" << Engine::shared().docker_host()
       << "\"\n[images]\ndir = \"" << images.dir << "\"\nbase = \"\"\nprefix = \"" << images.prefix
       << "\"\n[trust]\nca_bundle = \"" << images.trust << "\"\n"
       << extra_config;
  file.close();
  if (images.prefix == Images().prefix) tag_providers(images.prefix);
  start();
}

Brigd::~Brigd() {
  if (child_ && child_->running()) {
    for (const auto& session : sessions()) brig({"rm", "--force", session["id"].get<std::string>()});
    stop_politely();
  }
  if (testing::Test::HasFailure()) std::fprintf(stderr, "--- brigd's log ---\n%s\n", log().c_str());
  std::error_code ec;
  std::filesystem::remove_all(dir_, ec);
}

void Brigd::start() {
  auto err = dir_ / "brigd.log";
  std::vector<std::string> argv = {
      "/bin/sh",
      "-c",
      "exec setpriv --no-new-privs --bounding-set=" + capabilities() + " \"$0\" --config \"$1\" 2>> \"$2\"",
      BRIGD_PROGRAM,
      config(),
      err};
  if (!network_.empty()) {
    argv[2] = network_ + " && " + argv[2];
    argv.insert(argv.begin(), {"unshare", "--net", "--"});
  }
  auto child = harness::Child::spawn(argv);
  ASSERT_TRUE(child) << child.error().message;
  child_.emplace(std::move(*child));
  eventually(
      [&] {
        if (!child_->running()) {
          ADD_FAILURE() << "brigd ended at its start:\n" << log();
          return true;
        }
        return ready();
      },
      "brigd is ready");
}

bool Brigd::ready() const {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto path = socket().string();
  if (path.size() >= sizeof address.sun_path) std::abort();
  std::copy(path.begin(), path.end(), address.sun_path);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
  std::string_view ask = "GET /readyz HTTP/1.1\r\nHost: brig\r\nConnection: close\r\n\r\n";
  // One that ends at its start may hang up in between.
  if (::send(fd.get(), ask.data(), ask.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(ask.size()))
    return false;
  char answer[64] = {};
  return ::read(fd.get(), answer, sizeof answer - 1) > 12 &&
         std::string_view(answer).starts_with("HTTP/1.1 200");
}

void Brigd::kill_hard() {
  child_->kill(SIGKILL);
  (void)child_->wait();
}

int Brigd::stop_politely() {
  child_->kill(SIGTERM);
  auto code = child_->wait();
  EXPECT_TRUE(code) << "brigd does not stop:\n" << log();
  return code ? *code : -1;
}

std::string Brigd::log() const {
  auto text = read_file(dir_ / "brigd.log", 64 << 20);
  return text ? *text : std::string();
}

std::filesystem::path Brigd::project(const std::string& name, uid_t owner) {
  auto path = dir_ / name;
  std::filesystem::create_directory(path);
  EXPECT_EQ(::chown(path.c_str(), owner, owner), 0);
  return path;
}

std::vector<std::string> Brigd::command(std::vector<std::string> args) const {
  args.insert(args.begin(), BRIG_PROGRAM);
  return args;
}

harness::SpawnOptions Brigd::options() const {
  harness::SpawnOptions options;
  options.env = {{"BRIG_HOST", "unix://" + socket().string()}, {"NO_COLOR", "1"}};
  options.cwd = dir_.string();
  return options;
}

harness::Finished Brigd::brig(std::vector<std::string> args, std::string_view input) {
  auto done = harness::run(command(std::move(args)), input, options());
  if (!done) {
    ADD_FAILURE() << done.error().message;
    return {-1, "", done.error().message};
  }
  return *done;
}

nlohmann::json Brigd::sessions() {
  auto done = brig({"ps", "-a", "--json"});
  EXPECT_EQ(done.code, 0) << done.err;
  auto value = nlohmann::json::parse(done.out, nullptr, false);
  if (value.is_object() && value.contains("sessions")) value = value["sessions"];
  EXPECT_TRUE(value.is_array()) << done.out;
  return value.is_array() ? value : nlohmann::json::array();
}

std::string Brigd::left(std::size_t kept_directories) {
  std::string lines;
  auto say = [&lines](const std::string& what) { lines += "  " + what + "\n"; };
  // `brig` returns when the command has ended; its sandbox is taken apart meanwhile.
  auto all = sessions();
  for (const auto& s : all) {
    if (all.size() > kept_directories || s["state"] != "ended")
      say("session " + s["name"].get<std::string>() + " (" + s["id"].get<std::string>() + "), " +
          s["state"].get<std::string>() + ", " + s.dump());
  }
  // Volumes stay mounted while brigd runs.
  auto ours = [&](std::string_view text) {
    return text.find(state().string()) != text.npos && text.find((state() / "volumes").string()) == text.npos;
  };
  auto mounts = read_file("/proc/self/mountinfo", 16 << 20);
  if (!mounts) say(mounts.error().message);
  for (auto line : split(mounts ? *mounts : std::string(), '\n')) {
    if (ours(line)) say("mount " + std::string(line));
  }
  for (const auto& device : std::filesystem::directory_iterator("/sys/block")) {
    auto file = read_file(device.path() / "loop/backing_file", 4096);
    if (file && ours(*file)) say("loop device " + device.path().filename().string() + " of " + *file);
  }
  for (const char* kind : {"sessions", "layers"}) {
    std::vector<std::string> names;
    std::error_code ec;
    for (std::filesystem::directory_iterator it(state() / kind, ec), end; !ec && it != end; it.increment(ec))
      names.push_back(it->path().filename().string());
    if (names.size() == kept_directories) continue;
    say(std::to_string(names.size()) + " directories of " + kind + " instead of " +
        std::to_string(kept_directories) + ": " + join(names, ", "));
  }
  auto listed = Engine::shared().request("GET", "/containers/json?all=1");
  if (!listed) say(listed.error().message);
  for (const auto& container : nlohmann::json::parse(listed ? *listed : "[]", nullptr, false)) {
    if (container["Mounts"].dump().find(state().string()) != std::string::npos)
      say("container " + container["Names"].dump() + ", " + container.value("Status", ""));
  }
  return lines;
}

void Brigd::remove_volumes() {
  for (const auto& session : sessions()) brig({"rm", "-f", session["id"]});
  // A sandbox that has just ended still has its volumes for a moment.
  eventually(
      [&] {
        auto all = nlohmann::json::parse(brig({"volume", "ls", "--json"}).out, nullptr, false);
        for (const auto& volume : all) {
          if (volume.value("pinned", false)) brig({"volume", "unpin", volume["engine_name"]});
          brig({"volume", "rm", "--no-quarantine", volume["engine_name"]});
        }
        return all.is_array() && all.empty();
      },
      "the volumes are gone");
}

void Brigd::drop_volumes() {
  for (const auto& session : sessions()) brig({"rm", "-f", session["id"]});
  kill_hard();
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(state() / "volumes", ec)) {
    (void)Engine::shared().request("DELETE", "/volumes/" + entry.path().filename().string());
    (void)::umount2((entry.path() / "data").c_str(), MNT_DETACH);
  }
}

void Brigd::expect_nothing_left(std::size_t kept_directories) {
  std::string lines;
  auto over = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  do {
    lines = left(kept_directories);
    if (lines.empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  } while (std::chrono::steady_clock::now() < over);
  ADD_FAILURE() << "left in " << state() << ":\n" << lines;
}

}  // namespace brig::test
