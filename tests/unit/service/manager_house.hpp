// A manager of services over a real ledger, with sandboxes that are only played: each holds a server that
// answers what it is asked from a script, on the loop.
//
//   TEST(Managed, Subject) {
//     play([](House& house) -> net::Task<void> {
//       co_await house.deploy("mine");
//       EXPECT_EQ(house.view("mine").state, State::running);
//     });
//   }
//
// Ownership: play() makes the House and closes it. Threads: the loop's. Failure: the test's.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../store/temp_dir.hpp"
#include "net/event.hpp"
#include "net/loop.hpp"
#include "service/manager.hpp"
#include "store/permissions.hpp"
#include "store/sessions.hpp"

namespace brig::service::test {

using nlohmann::json;

inline Error not_here() {
  return {Code::unsupported, "not in this test", "test", false};
}

// What a server of the next sandbox is like.
struct Script {
  std::vector<std::string> tools{"echo"};
  std::string instructions;
};

struct Box {
  Box(net::asio::any_io_executor executor, Script s) : script(std::move(s)), changed(executor) {}
  void say(json message) {
    message["jsonrpc"] = "2.0";
    said.push_back(message.dump() + "\n");
    changed.notify_all();
  }
  void answer(const json& id, json result) { say({{"id", id}, {"result", std::move(result)}}); }
  void take(const std::string& line) {
    auto asked = json::parse(line, nullptr, false);
    if (!asked.is_object()) return;
    auto method = asked.value("method", "");
    methods.push_back(method);
    const auto& id = asked["id"];
    if (method == "initialize") {
      json result{{"protocolVersion", asked["params"]["protocolVersion"]},
                  {"capabilities", {{"tools", json::object()}}},
                  {"serverInfo", {{"name", "played"}, {"version", "1"}}}};
      if (!script.instructions.empty()) result["instructions"] = script.instructions;
      answer(id, std::move(result));
    }
    if (method == "ping") answer(id, json::object());
    if (method == "tools/list") {
      json tools = json::array();
      for (const auto& name : script.tools)
        tools.push_back({{"name", name}, {"inputSchema", {{"type", "object"}}}});
      answer(id, {{"tools", std::move(tools)}});
    }
    if (method == "tools/call" && asked["params"]["name"] == "echo")
      answer(id, {{"content", json::array({{{"type", "text"}, {"text", "hi"}}})}});
  }

  Script script;
  std::deque<std::string> said;
  std::vector<std::string> methods;
  std::string begun;  // of a line
  std::uint64_t offset = 0;
  bool reads = true;
  bool paused = false;
  bool ended = false;
  net::Event changed;
};

class PlayedAttachment final : public session::Attachment {
 public:
  explicit PlayedAttachment(std::shared_ptr<Box> box) : box_(std::move(box)) {}
  std::uint64_t output_offset() const override { return 0; }
  std::uint64_t stdin_offset() const override { return box_->offset; }
  bool terminal() const override { return false; }
  bool has_pen() const override { return true; }
  std::string pen_holder() const override { return "brigd"; }
  bool interrupted() const override { return false; }
  Result<void> take_over() override { return {}; }
  void refuse_input() override {}
  void leave() override {}
  net::Task<Result<std::optional<session::AttachEvent>>> next() override {
    while (box_->said.empty() && !box_->ended) co_await box_->changed.wait();
    std::optional<session::AttachEvent> out;
    if (box_->said.empty()) {
      out = session::Ended{};
      co_return out;
    }
    held_ = std::move(box_->said.front());
    box_->said.pop_front();
    session::Output output;
    output.bytes = std::as_bytes(std::span(held_.data(), held_.size()));
    out = output;
    co_return out;
  }
  net::Task<Result<void>> write(std::uint64_t, std::vector<std::byte> bytes) override {
    while (!box_->reads) co_await box_->changed.wait();
    box_->offset += bytes.size();
    box_->begun.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (true) {
      auto end = box_->begun.find('\n');
      if (end == std::string::npos) co_return Result<void>();
      auto line = box_->begun.substr(0, end);
      box_->begun.erase(0, end + 1);
      box_->take(line);
    }
  }
  net::Task<Result<void>> close_stdin(std::uint64_t) override { co_return not_here(); }
  net::Task<Result<void>> resize(session::TerminalSize) override { co_return not_here(); }
  net::Task<Result<void>> signal(int) override { co_return not_here(); }

 private:
  std::shared_ptr<Box> box_;
  std::string held_;
};

// The engine, with builders that leave a server and a skill.
class PlayedHosting final : public session::Hosting {
 public:
  PlayedHosting(net::asio::any_io_executor executor, StatePaths paths, store::SessionTable& sessions)
      : executor_(executor), paths_(std::move(paths)), sessions_(sessions) {}

  net::Task<Result<std::unique_ptr<session::Built>>> build(session::Caller caller, session::HostSpec,
                                                           std::function<void()> began) override {
    if (began) began();
    store::SessionRow row;
    row.id = SessionId(fresh());
    row.name = row.id.str();
    row.owner = caller.owner;
    row.phase = "ended";
    row.layer = LayerId(fresh());
    row.link_key = Secret(std::string(32, 'k'));
    row.policy_json = "{}";
    BRIG_CO_CHECK(co_await sessions_.insert(row));
    auto folder = paths_.layer(row.layer) / "upper" / kFolder;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "index.js") << row.layer.str();
    auto fetched = paths_.layer(row.layer) / "upper" / kFetched;
    std::filesystem::create_directories(fetched);
    std::ofstream(fetched / "SKILL.md") << "---\nname: played\ndescription: Says something.\n---\n";
    co_return std::unique_ptr<session::Built>(std::make_unique<Left>(row.id, row.layer));
  }
  net::Task<Result<SessionId>> host(session::Caller, session::HostSpec) override {
    SessionId id(fresh());
    boxes[id] = std::make_shared<Box>(executor_, script);
    co_return id;
  }
  net::Task<Result<std::vector<session::Hosted>>> hosted() override {
    std::vector<session::Hosted> out;
    for (const auto& [id, box] : boxes) out.push_back({id, "", !box->ended});
    co_return out;
  }
  net::Task<Result<std::unique_ptr<session::Attachment>>> attend(SessionId id, session::AttachSpec) override {
    if (!boxes.contains(id)) co_return not_here();
    co_return std::unique_ptr<session::Attachment>(std::make_unique<PlayedAttachment>(boxes[id]));
  }
  net::Task<Result<void>> pause(SessionId id, bool paused) override {
    ++(paused ? sleeps : wakes);
    if (away) co_return Error{Code::unavailable, "the engine is away", "docker", true};
    boxes.at(id)->paused = paused;
    co_return Result<void>();
  }
  net::Task<Result<void>> dismiss(SessionId id, Millis) override {
    auto it = boxes.find(id);
    if (it == boxes.end()) co_return Result<void>();
    it->second->ended = true;
    it->second->changed.notify_all();
    boxes.erase(it);
    co_return Result<void>();
  }
  net::Task<Result<void>> drop_stray_layers() override { co_return Result<void>(); }

  Script script;
  std::map<SessionId, std::shared_ptr<Box>> boxes;
  bool away = false;
  int sleeps = 0, wakes = 0;  // asked for

 private:
  class Left final : public session::Built {
   public:
    Left(SessionId session, LayerId layer) : session_(std::move(session)), layer_(std::move(layer)) {}
    const SessionId& session() const override { return session_; }
    const LayerId& layer() const override { return layer_; }

   private:
    SessionId session_;
    LayerId layer_;
  };
  std::string fresh() {
    auto number = std::to_string(++count_);
    return std::string(16 - number.size(), '0') + number;
  }

  net::asio::any_io_executor executor_;
  StatePaths paths_;
  store::SessionTable& sessions_;
  int count_ = 0;
};

struct PlayedImages final : image::Images {
  std::vector<image::Provider> providers() const override { return {}; }
  Result<image::Provider> provider(const std::string&) const override { return not_here(); }
  net::Task<Result<std::vector<image::ImageInfo>>> list() override { co_return not_here(); }
  net::Task<Result<image::ImageInfo>> build(std::string, bool, image::ProgressSink) override {
    co_return not_here();
  }
  net::Task<Result<void>> remove(std::string) override { co_return not_here(); }
  net::Task<Result<std::vector<image::Outdated>>> outdated() override { co_return not_here(); }
  net::Task<Result<image::Ready>> ready(std::string, std::string) override { co_return image::Ready{}; }
  Result<void> declare(image::Provider) override { return not_here(); }
  void withdraw(const std::string&) override {}
};

class PlayedVolumes final : public session::Volumes {
 public:
  using Caller = session::Caller;
  using View = session::VolumeView;
  net::Task<Result<std::vector<View>>> list(Caller, session::VolumeFilter, session::VolumeOrder) override {
    co_return std::vector<View>();
  }
  net::Task<Result<std::vector<session::ForeignVolume>>> foreign(Caller) override { co_return not_here(); }
  net::Task<Result<View>> get(Caller, std::string) override { co_return not_here(); }
  net::Task<Result<View>> restore(Caller, std::string) override { co_return not_here(); }
  net::Task<Result<View>> create(Caller, session::VolumeSpec) override { co_return View{}; }
  net::Task<Result<View>> pin(Caller, std::string, bool) override { co_return View{}; }
  net::Task<Result<std::unique_ptr<session::Outgoing>>> carry_out(Caller, std::string) override {
    co_return not_here();
  }
  net::Task<Result<std::unique_ptr<session::Incoming>>> take_in(Caller, session::ImportSpec) override {
    co_return not_here();
  }
  net::Task<Result<View>> clone(Caller, std::string, session::ImportSpec) override { co_return not_here(); }
  net::Task<Result<void>> remove(Caller, std::string, Removal) override { co_return not_here(); }
};

struct Told final : audit::Journal {
  net::Task<Result<void>> add(audit::Deed deed) override {
    note(std::move(deed));
    co_return Result<void>();
  }
  void note(audit::Deed deed) override { events.push_back(deed.event + " " + deed.payload); }
  std::vector<std::string> events;
};

class House {
 public:
  explicit House(net::asio::any_io_executor executor) : executor_(executor) {
    admin.role = session::Caller::Role::admin;
    admin.owner = "uid:0";
    options.ping_every = Millis(20);
    options.pings_missed = 1'000'000;
    std::filesystem::create_directory(dir / "source");
    make();
  }

  void make() {
    manager.emplace(executor_, options,
                    Manager::Parts{clock, table, gates, hosting, volumes, vault, builds, uploads, permissions,
                                   journal, gateway});
  }
  net::Task<void> close() {
    co_await manager->close();
    co_await gateway.close();
  }
  // As another brigd would; what `meanwhile` does to the ledger, it finds. The literal ends with ';'.
  net::Task<Result<void>> restart(const char* meanwhile = "") {
    co_await manager->close();
    auto change = [meanwhile](store::Connection& c) { return c.execute(meanwhile); };
    BRIG_CO_CHECK(co_await database->run(change));
    make();
    BRIG_CO_CHECK(co_await manager->load());
    co_await manager->resume();
    co_return Result<void>();
  }
  net::Task<Result<View>> deploy(std::string name, std::optional<Millis> idle = {}) {
    DeploySpec wish;
    wish.name = std::move(name);
    wish.spec.directory = DirectorySource{(dir / "source").string(), {}, {}};
    wish.spec.idle = idle;
    co_return co_await manager->deploy(admin, "acme", std::move(wish), nullptr);
  }
  net::Task<Result<mcp::Answer>> call(std::string name, Millis within = Millis(60'000)) {
    auto deadline = Deadline::in(within);
    co_return co_await manager->call(admin, "acme", std::move(name), "echo", "{}", deadline);
  }
  View view(const std::string& name) {
    auto found = manager->get(admin, "acme", name);
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : View{};
  }
  std::string reason(const std::string& name) {
    auto seen = view(name);
    return seen.inside ? seen.inside->reason : "";
  }
  std::shared_ptr<Box> box(const std::string& name) {
    auto seen = view(name);
    auto it = hosting.boxes.find(SessionId(seen.inside ? seen.inside->session : ""));
    return it == hosting.boxes.end() ? nullptr : it->second;
  }
  // False if it does not come true within a minute.
  net::Task<bool> until(std::function<bool()> holds) {
    auto limit = Deadline::in(Millis(60'000));
    while (!holds()) {
      if (limit.passed()) co_return false;
      co_await net::sleep_for(Millis(2));
    }
    co_return true;
  }
  net::Task<bool> until_state(std::string name, State state) {
    auto holds = [this, name, state] { return view(name).state == state; };
    co_return co_await until(holds);
  }

  store::TempDir dir;
  FakeClock clock;
  std::unique_ptr<store::Database> database = store::Database::open(dir / "brig.db").value();
  store::ServiceTable table{*database};
  store::ToolGateTable gates{*database};
  store::SessionTable sessions{*database};
  store::VaultTable vault_table{*database};
  store::PermissionTable permission_table{*database};
  net::Worker blocking{1};
  StatePaths paths{dir / "state"};
  vault::Vault vault{vault_table, clock, dir / "vault.key"};
  Permissions permissions{permission_table};
  PlayedImages images;
  PlayedVolumes volumes;
  Told journal;
  session::Caller admin;
  Options options;

 private:
  net::asio::any_io_executor executor_;

 public:
  docker::Endpoint nowhere() const {
    docker::Endpoint endpoint;
    endpoint.socket = dir / "no.sock";
    return endpoint;
  }
  std::unique_ptr<docker::Engine> engine = docker::connect(nowhere(), executor_).value();
  image::NamedImages named_images{*engine};
  PlayedHosting hosting{executor_, paths, sessions};
  Builds builds{paths, {}, hosting, images, named_images, blocking};
  Uploads uploads{dir / "state", blocking};
  mcp::Gateway gateway{executor_, clock, mcp::Gateway::Options()};
  std::optional<Manager> manager;
};

inline net::Task<bool> act(net::Task<void> (*part)(House&), Options options) {
  auto executor = co_await net::asio::this_coro::executor;
  House house(executor);
  house.options.meshes = options.meshes;
  house.make();
  co_await part(house);
  co_await house.close();
  co_return true;
}

inline void play(net::Task<void> (*part)(House&), Options options = {}) {
  EXPECT_TRUE(net::run_task(act(part, std::move(options))));
}

}  // namespace brig::service::test
