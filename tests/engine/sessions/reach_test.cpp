// Files and ports of a running sandbox, as a person reaches them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

std::string noise(std::size_t size) {
  std::mt19937 random(3);
  std::string out(size, 0);
  for (auto& c : out) c = static_cast<char>(random());
  return out;
}

class Reach : public testing::Test {
 protected:
  void start(const std::string& name, std::vector<std::string> options = {},
             std::string script = "sleep 1000") {
    std::vector<std::string> args = {"run", "box", "--name", name, "--empty", "-d"};
    args.insert(args.end(), options.begin(), options.end());
    for (const char* word : {"--", "sh", "-c"}) args.emplace_back(word);
    args.push_back(std::move(script));
    auto started = brigd.brig(args);
    ASSERT_EQ(started.code, 0) << started.err;
  }
  harness::Finished inside(const std::string& name, const std::string& script) {
    return brigd.brig({"exec", "-n", name, "--", "sh", "-c", script});
  }
  std::filesystem::path make(const std::string& name) {
    auto path = brigd.dir() / name;
    std::filesystem::create_directories(path);
    return path;
  }
  Brigd brigd;
};

class OnEveryRuntime : public Reach, public testing::WithParamInterface<const char*> {};

TEST_P(OnEveryRuntime, ATreeGoesInAndComesBackTheSame) {
  start("fix", {"--runtime", GetParam()});
  auto tree = make("tree");
  std::filesystem::create_directories(tree / "deep" / std::string(200, 'd'));
  auto big = noise(3'000'001);
  put_file(tree / "deep" / "big", big);
  put_file(tree / "deep" / std::string(200, 'd') / "empty", "");
  put_file(tree / "odd \xff\xfe name", "bytes");
  put_file(tree / "tool", "#!/bin/sh\necho ran\n");
  ASSERT_EQ(::chmod((tree / "tool").c_str(), 0755), 0);
  std::filesystem::create_symlink("../tool", tree / "deep" / "link");
  timespec times[2] = {{1'500'000'000, 0}, {1'500'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (tree / "tool").c_str(), times, 0), 0);

  auto in = brigd.brig({"cp", tree, "fix:."});
  ASSERT_EQ(in.code, 0) << in.err;
  EXPECT_EQ(in.err, "");
  auto seen = inside("fix",
                     "cd /workspace/tree && ./tool && ./deep/link && stat -c '%u %a %Y' tool && "
                     "wc -c < deep/big && ls | grep -c odd");
  EXPECT_EQ(seen.code, 0) << seen.err;
  EXPECT_EQ(seen.out, "ran\nran\n1000 755 1500000000\n3000001\n1\n");

  auto out = brigd.brig({"cp", "fix:tree", brigd.dir() / "back"});
  ASSERT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.err, "");
  EXPECT_TRUE(*read_file(brigd.dir() / "back" / "deep" / "big", 4 << 20) == big);
  auto same = harness::run({"diff", "-r", "--no-dereference", tree, brigd.dir() / "back"});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->code, 0) << same->out << same->err;
  struct stat stat {};
  ASSERT_EQ(::stat((brigd.dir() / "back" / "tool").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0755u);
  EXPECT_EQ(stat.st_mtime, 1'500'000'000);
  EXPECT_EQ(brigd.brig({"rm", "-f", "fix"}).code, 0);
  brigd.expect_nothing_left();
}
INSTANTIATE_TEST_SUITE_P(All, OnEveryRuntime, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(Reach, PlacesAreAsCpHasThem) {
  start("fix");
  auto dir = make("d");
  put_file(dir / "a", "A");
  ASSERT_EQ(brigd.brig({"cp", dir / "a", "fix:b"}).code, 0);            // a new name
  ASSERT_EQ(brigd.brig({"cp", dir / "a", "fix:/tmp"}).code, 0);         // into a directory, on a tmpfs
  ASSERT_EQ(brigd.brig({"cp", dir.string() + "/.", "fix:c"}).code, 0);  // the content, as a new directory
  EXPECT_EQ(inside("fix", "cat b /tmp/a c/a").out, "AAA");
  ASSERT_EQ(inside("fix", "echo new > b").code, 0);
  ASSERT_EQ(brigd.brig({"cp", "fix:b", dir / "a"}).code, 0);  // over a file
  EXPECT_EQ(*read_file(dir / "a", 100), "new\n");
  ASSERT_EQ(brigd.brig({"cp", "fix:/tmp/a", dir}).code, 0);
  EXPECT_EQ(*read_file(dir / "a", 100), "A");
  // As streams, for and from any tar.
  auto listed = harness::run(
      {"sh", "-c", "\"$0\" cp fix:c - | tar tf - && tar cf - d | \"$0\" cp - fix:/tmp", brigd.command({})[0]},
      {}, brigd.options());
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->code, 0) << listed->err;
  EXPECT_EQ(listed->out, "c\nc/a\n");
  EXPECT_EQ(inside("fix", "cat /tmp/d/a").out, "A");
}

TEST_F(Reach, NamesAreBytesOfAnyKindAndOfFullLength) {
  start("fix");
  std::string odd(255, '\xff');
  std::string line = "-new\nline\t\x1b[31m";
  auto dir = make("names") / odd;
  std::filesystem::create_directories(dir / odd);
  std::ofstream(dir / odd / odd) << "deep";  // put_file() would need a longer name beside it
  std::ofstream(dir / line) << "odd";
  auto content = [](const std::filesystem::path& path) {
    auto text = read_file(path, 100);
    return text ? *text : text.error().message;
  };
  ASSERT_EQ(brigd.brig({"cp", dir, "fix:/tmp"}).code, 0);
  EXPECT_EQ(inside("fix", "cd /tmp/*/ && cat */* && cat ./-*").out, "deepodd");
  auto back = brigd.brig({"cp", "fix:/tmp/" + odd, brigd.dir() / "back"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(content(brigd.dir() / "back" / odd / odd), "deep");
  EXPECT_EQ(content(brigd.dir() / "back" / line), "odd");
  // A single file by such a name, each way, and into a stream.
  ASSERT_EQ(brigd.brig({"cp", dir / odd / odd, "fix:/tmp/" + odd + "/again"}).code, 0);
  ASSERT_EQ(brigd.brig({"cp", "fix:/tmp/" + odd + "/" + odd + "/" + odd, brigd.dir() / "one"}).code, 0);
  EXPECT_EQ(content(brigd.dir() / "one"), "deep");
  auto stream = brigd.brig({"cp", "fix:/tmp/" + odd, "-"});
  EXPECT_EQ(stream.code, 0) << stream.err;
  EXPECT_EQ(brigd.brig({"cp", "-", "fix:/workspace"}, stream.out).code, 0);
  EXPECT_EQ(inside("fix", "cd /workspace/*/ && cat again */*").out, "deepdeep");
  // What the error says of it moves no cursor.
  auto missing = brigd.brig({"cp", "fix:/tmp/" + odd + "/" + line + "/no", "x"});
  EXPECT_NE(missing.code, 0);
  EXPECT_EQ(missing.err.find('\x1b'), std::string::npos);
  EXPECT_EQ(missing.err.find('\xff'), std::string::npos);
}

TEST_F(Reach, ErrorsNameThePathAndLeaveNothingHalf) {
  start("fix", {"--disk", "32M"});
  auto missing = brigd.brig({"cp", "fix:/no/such", "."});
  EXPECT_EQ(missing.code, 66);
  EXPECT_NE(missing.err.find("/no/such"), std::string::npos) << missing.err;
  auto readonly = brigd.brig({"cp", brigd.config(), "fix:/etc/brig.toml"});
  EXPECT_EQ(readonly.code, 77) << readonly.err;
  EXPECT_NE(readonly.err.find("brig.toml"), std::string::npos) << readonly.err;
  auto nowhere = brigd.brig({"cp", brigd.config(), "fix:/no/such/place"});
  EXPECT_EQ(nowhere.code, 66) << nowhere.err;

  std::ofstream(brigd.dir() / "large") << noise(64 << 20);
  auto full = brigd.brig({"cp", brigd.dir() / "large", "fix:."});
  EXPECT_EQ(full.code, 71) << full.err;
  EXPECT_NE(full.err.find("large"), std::string::npos) << full.err;
  EXPECT_NE(full.err.find("--disk"), std::string::npos) << full.err;
  EXPECT_EQ(inside("fix", "ls -A /workspace | grep -v lost+found").out, "");

  EXPECT_EQ(brigd.brig({"cp", "a", "b"}).code, 64);
  EXPECT_EQ(brigd.brig({"cp", "nope:a", "b"}).code, 66);
  EXPECT_EQ(brigd.brig({"stop", "fix"}).code, 0);
  auto stopped = brigd.brig({"cp", "fix:a", "b"});
  EXPECT_EQ(stopped.code, 73);
  EXPECT_NE(stopped.err.find("not running"), std::string::npos) << stopped.err;
}

TEST_F(Reach, WhatTheSandboxPlantsStaysInItsPlace) {
  start("fix");
  ASSERT_EQ(inside("fix",
                   "mkdir -p t/in && cd t && ln -s /etc/passwd absolute && ln -s ../../out up && "
                   "ln -s in/../.. sly && ln -s in fine && echo x > in/f && chmod 4777 in/f && mkfifo pipe")
                .code,
            0);
  auto target = make("target");
  auto done = brigd.brig({"cp", "fix:t", target});
  EXPECT_EQ(done.code, 0) << done.err;
  for (const char* name : {"absolute", "up", "sly", "pipe"}) {
    EXPECT_NE(done.err.find(name), std::string::npos) << done.err;
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(target / "t" / name))) << name;
  }
  EXPECT_EQ(std::filesystem::read_symlink(target / "t" / "fine"), "in");
  struct stat stat {};
  ASSERT_EQ(::stat((target / "t" / "in" / "f").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0777u);
  // A link that stands where a directory is to come is not followed.
  auto elsewhere = make("elsewhere");
  std::filesystem::remove_all(target / "t");
  std::filesystem::create_symlink(elsewhere, target / "t");
  auto refused = brigd.brig({"cp", "fix:t", target});
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.err.find("not followed"), std::string::npos) << refused.err;
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
}

double peak_megabytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return -1;
}

TEST_F(Reach, AGibibyteStreamsInBoundedMemory) {
  start("fix");
  auto made = inside("fix", "truncate -s 1073741824 big");
  ASSERT_EQ(made.code, 0) << made.err;
  auto before = peak_megabytes(brigd.pid());
  auto counted = harness::run({"sh", "-c", "\"$0\" cp fix:big - | wc -c", brigd.command({})[0]}, {},
                              brigd.options(), std::chrono::seconds(300));
  ASSERT_TRUE(counted);
  EXPECT_EQ(std::stoull(counted->out), 1073741824u + 512 + 1024) << counted->err;
  EXPECT_LT(peak_megabytes(brigd.pid()), before + 16);
  EXPECT_EQ(inside("fix", "rm big").code, 0);
  auto sent = harness::run(
      {"sh", "-c", "truncate -s 256M g && tar cf - g | \"$0\" cp - fix:. && rm g", brigd.command({})[0]}, {},
      brigd.options(), std::chrono::seconds(300));
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->code, 0) << sent->err;
  auto arrived = inside("fix", "stat -c %s g");
  EXPECT_EQ(arrived.out, "268435456\n") << arrived.code << arrived.err;
  EXPECT_LT(peak_megabytes(brigd.pid()), before + 16);
}

TEST_F(Reach, ACopyThatIsGivenUpLeavesNothing) {
  start("fix");
  auto options = brigd.options();
  options.pipe_in = true;
  auto child = harness::Child::spawn(brigd.command({"cp", "-", "fix:."}), options);
  ASSERT_TRUE(child);
  auto archive =
      harness::run({"sh", "-c", "head -c 8000000 /dev/zero > half && tar cf - half | head -c 4000000"}, {},
                   brigd.options());
  ASSERT_TRUE(archive);
  ASSERT_EQ(::write(child->in.get(), archive->out.data(), archive->out.size()),
            static_cast<ssize_t>(archive->out.size()));
  eventually([&] { return inside("fix", "ls -A | grep -c '^.brig-'").out == "1\n"; }, "it is being written");
  child->kill(SIGKILL);
  eventually([&] { return inside("fix", "ls -A | grep -c brig-").out == "0\n"; }, "it was taken back");
  eventually([&] { return inside("fix", "ps | grep -c '[i]nit unpack'").out == "0\n"; },
             "the helper is gone");
}

int connect_to(std::uint16_t port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string converse(std::uint16_t port, std::string_view say) {
  UniqueFd fd(connect_to(port));
  while (!say.empty()) {
    ssize_t n = ::send(fd.get(), say.data(), say.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    say.remove_prefix(static_cast<std::size_t>(n));
  }
  ::shutdown(fd.get(), SHUT_WR);
  std::string heard;
  char buffer[65536];
  ssize_t n = 0;
  while ((n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0)
    heard.append(buffer, static_cast<std::size_t>(n));
  return heard;
}

std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

class Forward : public Reach, public testing::WithParamInterface<const char*> {};

TEST_P(Forward, CarriesConnectionsAndTheirEnds) {
  start("fix", {"--runtime", GetParam()}, "nc -ll -p 3000 -e sha256sum & nc -ll -p 3001 -e cat & sleep 1000");
  auto options = brigd.options();
  options.pipe_out = options.pipe_err = true;
  auto child =
      harness::Child::spawn(brigd.command({"forward", "fix", "0:3000", "0:3001", "0:3999"}), options);
  ASSERT_TRUE(child);
  std::vector<std::uint16_t> ports;
  for (const char* end : {" -> fix:3000", " -> fix:3001", " -> fix:3999"}) {
    auto line = read_line(child->out.get());
    ASSERT_TRUE(line.starts_with("127.0.0.1:") && line.ends_with(end)) << line;
    ports.push_back(static_cast<std::uint16_t>(std::stoi(line.substr(10))));
  }
  auto bytes = noise(5 << 20);
  eventually([&] { return converse(ports[0], "") != ""; }, "the server inside listens");
  eventually([&] { return converse(ports[1], "x") == "x"; }, "the other one, too");
  // The sum is only given once the input has ended: the end arrives, and the way back stays open.
  auto sum = harness::run({"sha256sum"}, bytes);
  ASSERT_TRUE(sum);
  EXPECT_EQ(converse(ports[0], bytes), sum->out);
  EXPECT_EQ(converse(ports[2], ""), "");
  auto complaint = read_line(child->err.get());
  while (complaint.find("3999") == std::string::npos && !complaint.empty())
    complaint = read_line(child->err.get());
  EXPECT_NE(complaint.find("refused"), std::string::npos) << complaint;
  // Several at a time.
  UniqueFd one(connect_to(ports[1]));
  EXPECT_EQ(converse(ports[1], "two"), "two");
  ASSERT_EQ(::send(one.get(), "one", 3, MSG_NOSIGNAL), 3);
  char back[3];
  ASSERT_EQ(::recv(one.get(), back, 3, MSG_WAITALL), 3);
  EXPECT_EQ(std::string(back, 3), "one");
  child->kill(SIGINT);
  auto code = child->wait();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0);
  EXPECT_EQ(::recv(one.get(), back, 1, 0), 0);
}
INSTANTIATE_TEST_SUITE_P(All, Forward, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace brig::test
