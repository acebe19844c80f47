#include "world.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::escape {
namespace {

namespace fs = std::filesystem;

const std::string kHosts = "127.0.0.1 localhost\n";
const std::string kResolverFile =
    std::string("nameserver ") + kResolver + "\nsearch search.test\noptions timeout:2\n";

void put(const fs::path& path, std::string_view content, mode_t mode = 0644) {
  auto written = write_file(path, content, mode);
  ASSERT_TRUE(written) << written.error().message;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

fs::path small_profile() {
  auto dir = harness::Engine::shared().scratch("profiles");
  if (!dir) std::abort();
  put(*dir / "glutton.toml",
      "[limits]\nmemory = \"160 MiB\"\npids = 250\nnofile = 256\ndisk = \"32 MiB\"\ntmp = \"16 MiB\"\nhome = "
      "\"16 MiB\"\n"
      "shm = \"16 MiB\"\n");
  return *dir;
}

}  // namespace

std::vector<Made> read_lines(const std::string& text) {
  std::vector<Made> out;
  for (auto line : split(text, '\n')) {
    auto fields = split(line, '\t');
    if (fields.size() < 2) continue;
    Made made{
        std::string(fields[0]), std::string(fields[1]), std::string(fields.size() > 2 ? fields[2] : ""), {}};
    for (std::size_t i = 3; i < fields.size(); ++i) made.asked.emplace_back(fields[i]);
    out.push_back(std::move(made));
  }
  return out;
}

World::World()
    : profiles_(small_profile()),
      hosts_("/etc/hosts", kHosts),
      resolver_("/etc/resolv.conf", kResolverFile),
      brigd("[policy]\nprofiles_dir = \"" + profiles_.string() + "\"\n", outside.joining()) {
  outside.watch(brigd.pid());
  put(brigd.dir() / "secret", std::string(kSecret) + "\n");
  project_ = brigd.project("app");
  put(project_ / "project", kProject, 0666);
  fs::create_symlink(brigd.dir() / "secret", project_ / "out");
  fs::copy_file(AGENT_PROGRAM, project_ / "agent");
  ::chmod((project_ / "agent").c_str(), 0755);
  control_ = brigd.dir() / "control";
  fs::create_directory(control_);
  fs::copy_file(project_ / "project", control_ / "project");
  fs::create_symlink(brigd.dir() / "secret", control_ / "out");
}

bool World::start(const std::string& name, const std::string& runtime, std::vector<std::string> options) {
  std::vector<std::string> args{"run",       "box",   "--name",    name,    "-d",
                                "--runtime", runtime, "--project", project_};
  args.insert(args.end(), options.begin(), options.end());
  if (std::find(options.begin(), options.end(), "--") == options.end())
    args.insert(args.end(), {"--", "sleep", "10000"});
  auto done = brigd.brig(args);
  EXPECT_EQ(done.code, 0) << done.err;
  return done.code == 0;
}

void World::start_three(const std::string& runtime) {
  start("narrow", runtime, {"--allow", "good.test", "--allow", "tcp://good.test:8443"});
  start("wide", runtime,
        {"--allow", "tcp://*:*", "--allow", "tcp://0.0.0.0/0:*", "--allow", "tcp://[2000::/3]:*"});
  start("neighbour", runtime,
        {"-e", std::string("API_KEY=") + kSecret, "--", "sh", "-c",
         "echo $API_KEY; echo $API_KEY > /workspace/kept; echo $API_KEY > /tmp/kept; exec nc -ll -p 7777 -e "
         "cat"});
}

bool World::start_glutton(const std::string& runtime) {
  return start("glutton", runtime, {"--profile", "glutton"});
}

void World::remove(const std::string& name) {
  auto done = brigd.brig({"rm", "--force", name});
  EXPECT_EQ(done.code, 0) << done.err;
}

std::vector<Made> World::agent(const std::string& sandbox, std::vector<std::string> args,
                               const std::string& runtime, bool may_die) {
  std::vector<std::string> words{"exec",   "-n",
                                 "-e",     std::string("ESCAPE_SECRET=") + kSecret,
                                 "-e",     "ESCAPE_SECRET_FILE=" + (brigd.dir() / "secret").string(),
                                 "-e",     "ESCAPE_ENGINE=" + harness::Engine::shared().socket().string(),
                                 "-e",     "ESCAPE_SERVICE=" + brigd.socket().string(),
                                 "-e",     "ESCAPE_RUNTIME=" + runtime,
                                 sandbox,  "--",
                                 "./agent"};
  words.insert(words.end(), args.begin(), args.end());
  auto done = brigd.brig(words);
  EXPECT_TRUE(done.code == 0 || may_die) << done.out << done.err;
  return read_lines(done.out);
}

std::vector<Made> World::agent_on_host(std::vector<std::string> args) {
  put(control_ / "sock", "");
  put(control_ / "egress", "");
  std::vector<std::string> words{"nsenter", "--net=/proc/" + std::to_string(brigd.pid()) + "/ns/net",
                                 AGENT_PROGRAM};
  words.insert(words.end(), args.begin(), args.end());
  harness::SpawnOptions options;
  options.cwd = control_;
  options.env = {{"ESCAPE_SECRET", kSecret},
                 {"ESCAPE_SECRET_FILE", (brigd.dir() / "secret").string()},
                 {"ESCAPE_ENGINE", harness::Engine::shared().socket().string()},
                 {"ESCAPE_SERVICE", brigd.socket().string()},
                 {"ESCAPE_PROJECT", control_.string()},
                 {"ESCAPE_LINK", control_.string()},
                 {"ESCAPE_ROOT", brigd.dir().string()},
                 {"ESCAPE_ALONE", "yes"}};
  auto done = harness::run(words, "", options);
  EXPECT_TRUE(done) << done.error().message;
  return done ? read_lines(done->out) : std::vector<Made>();
}

std::map<std::string, std::size_t> World::denials(const std::string& sandbox) {
  auto done = brigd.brig({"egress", "tail", sandbox, "--no-follow", "--json", "-n", "10000"});
  EXPECT_EQ(done.code, 0) << done.err;
  std::map<std::string, std::size_t> out;
  for (auto text : split(done.out, '\n')) {
    if (text.empty()) continue;
    auto line = nlohmann::json::parse(text, nullptr, false);
    auto outcome = line.value("outcome", "");
    if (outcome == "open" || outcome == "closed" || outcome == "ok") continue;
    ++out[line.value("host", "") + " " + std::to_string(line.value("port", 0))];
    ++out["* " + std::to_string(line.value("port", 0))];
  }
  return out;
}

}  // namespace brig::escape
