// 300 volumes of every kind, and among them some that are not Brig's: what prunes plan is what a model of the
// test's own says, what they take is what they planned, and all of it comes back to the byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "brigd.hpp"
#include "core/files.hpp"
#include "harness/steps.hpp"
#include "model.hpp"
#include "store/connection.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using harness::Engine;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kShared = 270, kIdentities = 9, kOfEach = 3, kForeign = 20, kHeld = 60;
constexpr const char* kComing = "a session that is being made";
constexpr std::size_t kLarge = 3u << 20;

std::string bytes_of(const std::string& name, std::size_t size) {
  std::mt19937_64 random(std::hash<std::string>{}(name));
  std::string out(size, '\0');
  for (auto& c : out) c = static_cast<char>(random());
  return out;
}

class Proof : public testing::Test {
 protected:
  Proof() : brigd("[volumes]\nsize = \"16 MiB\"\nper_owner = 1000\narchive_rate = \"1 GiB\"\n") {}
  ~Proof() override {
    if (!mounted.empty()) (void)::umount2(mounted.c_str(), MNT_DETACH);
    waiting.reset();
    for (const auto& container : containers)
      (void)Engine::shared().request("DELETE", "/containers/" + container + "?force=1");
    for (const auto& volume : foreign) (void)Engine::shared().request("DELETE", "/volumes/" + volume.first);
    brigd.drop_volumes();
  }

  void ok(std::vector<std::string> args) {
    auto done = brigd.brig(args);
    ASSERT_EQ(done.code, 0) << testing::PrintToString(args) << ": " << done.err;
  }
  json volumes() { return json::parse(brigd.brig({"volume", "ls", "--json"}).out, nullptr, false); }
  fs::path data_of(const std::string& name) { return brigd.state() / "volumes" / name / "data"; }

  // A container of somebody else's that has these.
  std::string container_with(const std::vector<std::string>& binds) {
    json body{{"Image", "brig-test/busybox"}, {"Cmd", {"true"}}, {"HostConfig", {{"Binds", json::array()}}}};
    for (std::size_t i = 0; i < binds.size(); ++i)
      body["HostConfig"]["Binds"].push_back(binds[i] + ":/v" + std::to_string(i));
    auto made = Engine::shared().request("POST", "/containers/create", body.dump());
    EXPECT_TRUE(made) << made.error().message;
    containers.push_back(made ? json::parse(*made)["Id"].get<std::string>() : "");
    return containers.back();
  }
  // What a session is told to take; it is what has them from now on.
  std::vector<std::string> take(const std::string& holder, std::size_t from, std::size_t count) {
    std::vector<std::string> out;
    for (auto i = from; i < from + count; ++i) {
      facts[i].holder = holder;
      out.insert(out.end(), {"-v", "v" + std::to_string(i) + ":/v" + std::to_string(i)});
    }
    return out;
  }
  std::vector<std::string> run(std::vector<std::string> options, std::vector<std::string> more,
                               std::vector<std::string> command) {
    options.insert(options.begin(), "run");
    options.insert(options.end(), more.begin(), more.end());
    options.insert(options.end(), {"--empty", "--"});
    options.insert(options.end(), command.begin(), command.end());
    return options;
  }

  void put(const fs::path& file, const std::string& content) {
    std::ofstream out(file, std::ios::binary);
    out << content;
    ASSERT_TRUE(out.flush()) << file;
  }

  void make_volumes();
  void make_old();
  void hold_some();
  void expect_plan(const Wish& wish);
  void expect_all_there(const std::set<std::string>& but);

  Brigd brigd;
  std::vector<Fact> facts;                      // of Brig's volumes
  std::map<std::string, std::string> contents;  // of each volume's file
  std::map<std::string, std::string> foreign;   // those that are not Brig's, and theirs
  std::vector<std::string> containers;
  std::optional<harness::Child> waiting;
  fs::path mounted;
};

// Facts are dealt by a generator with a seed of its own, so that they come together in every way.
void Proof::make_volumes() {
  std::mt19937 random(6);
  auto one_of = [&](auto... all) {
    std::vector<std::common_type_t<decltype(all)...>> list{all...};
    return list[random() % list.size()];
  };
  for (int i = 0; i < kShared; ++i) {
    // Those that sessions are to have are of no mesh, as these are.
    std::string mesh = i < kHeld ? "" : one_of("", "north", "south");
    std::vector<std::string> args{"volume", "create", "v" + std::to_string(i), "--json"};
    if (!mesh.empty()) args.insert(args.end(), {"--mesh", mesh});
    auto made = brigd.brig(args);
    ASSERT_EQ(made.code, 0) << made.err;
    Fact fact;
    fact.name = json::parse(made.out)["engine_name"];
    fact.mesh = mesh;
    facts.push_back(fact);
  }
  for (int i = 0; i < kIdentities; ++i) {
    auto label = "id" + std::to_string(i);
    ok({"identity", "create", "kit", "--label", label});
    ok(run({"kit", "--identity", label, "--rm"}, {}, {"true"}));
  }
  // Three identities go, and leave orphans.
  for (int i = 0; i < 3; ++i) ok({"identity", "rm", "kit", "id" + std::to_string(i)});
  for (const auto& volume : volumes()) {
    if (volume["kind"] != "config") continue;
    Fact fact;
    fact.name = volume["engine_name"];
    fact.provider = "kit";
    fact.identity = volume.value("identity", "");
    facts.push_back(fact);
  }
  ASSERT_EQ(facts.size(), static_cast<std::size_t>(kShared + kIdentities * kOfEach));
  int index = 0;
  for (auto& fact : facts) {
    // No two are of one age.
    fact.idle = hours(24 * one_of(0, 20, 45, 45, 100, 100)) + minutes(10 + ++index);
    fact.pinned = random() % 10 == 0;
    fact.large = random() % 8 == 0;
    if (fact.pinned) ok({"volume", "pin", fact.name});
    contents[fact.name] = bytes_of(fact.name, fact.large ? kLarge : 1000 + random() % 60'000);
    put(data_of(fact.name) / "bytes", contents[fact.name]);
  }
  for (int i = 0; i < kForeign; ++i) {
    auto name = "proof-foreign-" + std::to_string(i);
    // Some look as if they were Brig's.
    json body{{"Name", name}, {"Labels", {{"brig.kind", "shared"}, {"brig.name", "v" + std::to_string(i)}}}};
    auto made = Engine::shared().request("POST", "/volumes/create", body.dump());
    ASSERT_TRUE(made) << made.error().message;
    foreign[name] = json::parse(*made)["Mountpoint"];
    contents[name] = bytes_of(name, 5000);
    put(foreign[name] + "/bytes", contents[name]);
  }
}

// Behind brigd's back, for it goes by the clock of the host.
void Proof::make_old() {
  auto ledger = store::Connection::open(brigd.state() / "brig.db");
  ASSERT_TRUE(ledger) << ledger.error().message;
  auto now = std::chrono::floor<Millis>(std::chrono::system_clock::now());
  for (const auto& fact : facts) {
    // What was used was made a year before; what never was counts from its making.
    auto s = (*ledger)->prepare(
        "UPDATE volumes SET created_ms = CASE WHEN attached_ms IS NULL THEN ?2 ELSE ?2 - 31536000000 END,"
        " attached_ms = CASE WHEN attached_ms IS NULL THEN NULL ELSE ?2 END WHERE name = ?1");
    ASSERT_TRUE(s);
    s->bind(1, fact.name).bind(2, WallTime{now - std::chrono::duration_cast<Millis>(fact.idle)});
    ASSERT_TRUE(s->done());
  }
}

void Proof::hold_some() {
  // Places in the list do not depend on what else was dealt to a volume, so these come together with it.
  auto names = [&](const std::string& holder, std::size_t from, std::size_t count, bool by_path) {
    std::vector<std::string> out;
    for (std::size_t i = from; i < from + count; ++i) {
      facts[i].holder = holder;
      out.push_back(by_path ? data_of(facts[i].name).string() : facts[i].name);
    }
    return out;
  };
  container_with(names("a container that was never started", 0, 8, false));
  container_with(names("a container that has a directory", 8, 8, true));
  auto exited = container_with(names("a container that has ended", 16, 8, false));
  ASSERT_TRUE(Engine::shared().request("POST", "/containers/" + exited + "/start"));
  auto said = Engine::shared().request("POST", "/containers/" + exited + "/wait");
  ASSERT_TRUE(said) << said.error().message;
  mounted = brigd.dir() / "mounted";
  fs::create_directory(mounted);
  facts[24].holder = "a mount";
  ASSERT_EQ(::mount(data_of(facts[24].name).c_str(), mounted.c_str(), nullptr, MS_BIND, nullptr), 0);
  ok(run({"box", "-d", "-n", "user"}, take("a session", 33, 8), {"sleep", "100000"}));
  for (std::size_t i = 33; i < 41; ++i) facts[i].idle = minutes(0);
  // One that is being made, and waits for configuration that another has for itself.
  ok(run({"kit-alone", "-d", "-n", "alone"}, {}, {"sleep", "100000"}));
  for (const auto& volume : volumes())
    if (volume.value("provider", "") == "kit-alone")
      facts.push_back({volume["engine_name"], "", "kit-alone", volume["identity"], {}, false, false, "two"});
  auto options = brigd.options();
  options.pipe_out = options.pipe_err = true;
  auto command = run({"kit-alone", "-n", "coming"}, take(kComing, 41, 8), {"true"});
  auto child = harness::Child::spawn(brigd.command(command), options);
  ASSERT_TRUE(child);
  waiting.emplace(std::move(*child));
  eventually(
      [&] {
        for (const auto& one : brigd.sessions())
          if (one["name"] == "coming") return one.dump().find("waiting") != std::string::npos;
        return false;
      },
      "it waits");
}

void Proof::expect_plan(const Wish& wish) {
  auto args = wish.options;
  args.insert(args.begin(), {"volume", "prune", "--dry-run", "--json"});
  auto done = brigd.brig(args);
  ASSERT_EQ(done.code, 0) << done.err;
  auto plan = json::parse(done.out);
  Fate planned;
  for (const auto& one : plan["goes"]) planned.goes.insert(one["engine_name"]);
  for (const auto& one : plan["stays"]) planned.stays.insert(one["engine_name"]);
  auto model = fate_of(facts, wish);
  EXPECT_EQ(planned.goes, model.goes) << testing::PrintToString(wish.options);
  EXPECT_EQ(planned.stays, model.stays) << testing::PrintToString(wish.options);
}

void Proof::expect_all_there(const std::set<std::string>& but) {
  for (const auto& [name, content] : contents) {
    if (but.contains(name)) continue;
    auto other = foreign.find(name);
    auto place = other == foreign.end() ? data_of(name) : fs::path(other->second);
    auto is = read_file(place / "bytes", 64 << 20);
    ASSERT_TRUE(is) << is.error().message;
    EXPECT_TRUE(*is == content) << name << " is not what it was";
  }
}

TEST_F(Proof, OfThreeHundredVolumesWhatWasPlannedGoesAndComesBack) {
  ASSERT_NO_FATAL_FAILURE(make_volumes());
  // Sessions that have ended would have theirs again; this is before everything becomes old.
  ok(run({"box", "-n", "past"}, take("an ended session", 25, 8), {"true"}));
  ASSERT_NO_FATAL_FAILURE(make_old());
  ASSERT_NO_FATAL_FAILURE(hold_some());

  auto days = [](int n) { return std::optional<minutes>(hours(24 * n)); };
  std::vector<Wish> wishes{
      {.options = {}},
      {.options = {"--unused-for", "0s"}, .unused_for = minutes(0)},
      {.options = {"--unused-for", "90d"}, .unused_for = days(90)},
      {.options = {"--keep-last", "5"}, .keep_last = 5},
      {.options = {"--keep-last", "40", "--unused-for", "1w"}, .unused_for = days(7), .keep_last = 40},
      {.options = {"--mesh", "north"}, .mesh = "north"},
      {.options = {"--mesh", "south", "--larger", "2M", "--keep-last", "1"},
       .keep_last = 1,
       .mesh = "south",
       .large = true},
      {.options = {"--provider", "kit", "--unused-for", "10d"}, .unused_for = days(10), .provider = "kit"},
      {.options = {"--identity", "id5"}, .identity = "id5"},
      {.options = {"--kind", "config", "--keep-last", "3"}, .keep_last = 3, .kind = "config"},
      {.options = {"--kind", "shared", "--larger", "2M"}, .kind = "shared", .large = true},
      {.options = {"--orphan", "--unused-for", "1d"}, .unused_for = days(1), .orphan = true}};
  for (const auto& wish : wishes) expect_plan(wish);

  const auto& wish = wishes[2];
  auto doomed = fate_of(facts, wish).goes;
  EXPECT_GT(doomed.size(), 40u);
  auto file = (brigd.dir() / "plan.json").string();
  ok({"volume", "prune", "--unused-for", "90d", "--plan", file});
  auto gone = [&] {
    auto all = json::parse(brigd.brig({"volume", "ls", "--quarantined", "--json"}).out, nullptr, false);
    std::set<std::string> out;
    for (const auto& one : all) out.insert(one["engine_name"]);
    return out;
  };
  {
    // When a third of it is done: at the image of the next.
    harness::Steps steps(
        brigd.pid(), doomed.size() / 3 + 1,
        [pid = brigd.pid()](const harness::Step&) { ::kill(pid, SIGKILL); },
        [](const harness::Step& step) { return step.call == "unlink" && step.on.ends_with("/disk.img"); });
    EXPECT_NE(brigd.brig({"volume", "prune", "--execute", file}).code, 0);
    steps.end();
    brigd.kill_hard();
  }
  brigd.start();
  // What was begun is ended; nothing that was not named is touched, and the rest is still to do.
  eventually(
      [&] {
        auto all = json::parse(brigd.brig({"volume", "ls", "--quarantined", "--json"}).out, nullptr, false);
        return std::all_of(all.begin(), all.end(), [](auto& one) { return one["stage"] == "quarantined"; });
      },
      "nothing is half way");
  auto before = gone();
  EXPECT_GE(before.size(), doomed.size() / 3);
  EXPECT_LT(before.size(), doomed.size());
  EXPECT_TRUE(std::includes(doomed.begin(), doomed.end(), before.begin(), before.end()));
  expect_all_there(before);
  // The session that was being made was nobody's yet.
  eventually(
      [&] {
        auto all = brigd.sessions();
        return std::none_of(all.begin(), all.end(), [](auto& one) { return one["name"] == "coming"; });
      },
      "it is taken back");
  for (auto& fact : facts)
    if (fact.holder == kComing) fact.holder.clear();
  auto all = facts;
  std::erase_if(facts, [&](const Fact& fact) { return before.contains(fact.name); });
  expect_plan(wish);
  EXPECT_EQ(brigd.brig({"volume", "prune", "--execute", file}).code, 73) << "the world has changed";
  ok({"volume", "prune", "--unused-for", "90d", "-y"});
  std::swap(all, facts);
  doomed = fate_of(facts, wish).goes;
  EXPECT_EQ(gone(), doomed);
  expect_all_there(doomed);

  std::vector<std::string> restore{"volume", "restore"};
  restore.insert(restore.end(), doomed.begin(), doomed.end());
  ok(restore);
  EXPECT_EQ(gone(), std::set<std::string>());
  expect_all_there({});
  expect_plan(wish);
}

}  // namespace
}  // namespace brig::test
