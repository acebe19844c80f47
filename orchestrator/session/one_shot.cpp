#include "session/one_shot.hpp"

#include <utility>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "session/attachment.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "session/tenancy.hpp"

namespace brig::session {
namespace {

constexpr std::uint64_t kScratch = 64 << 20;      // what it may write to /workspace, which begins empty
constexpr std::size_t kMaxArgument = 128 * 1024;  // the kernel's own, with the byte that ends it
constexpr std::size_t kPiece = 64 * 1024;
constexpr int kTooLong = 74;

Result<void> check_prompt(const image::Provider& provider, const AskSpec& spec) {
  auto id = provider.id.str();
  if (!provider.one_shot) {
    return Error{Code::unsupported,
                 "provider " + quoted(id) + " declares no one-shot command; `brig run " + id +
                     "` starts a session, and a declaration with one_shot makes this work",
                 "one-shot", false};
  }
  auto size = spec.prompt.reveal().size();
  if (size == 0) return Error{Code::invalid, "prompt is empty; say what is asked", "one-shot", false};
  auto most = provider.one_shot->prompt_on_stdin ? AskSpec::kMaxPrompt : kMaxArgument - 1;
  if (size <= most) return {};
  return Error{Code::too_large,
               "prompt has " + std::to_string(size) + " bytes; " + quoted(id) + " takes at most " +
                   std::to_string(most),
               "one-shot", false};
}

std::vector<std::string> command_of(const image::Provider& provider) {
  std::vector<std::string> argv{provider.binary};
  argv.insert(argv.end(), provider.default_args.begin(), provider.default_args.end());
  argv.insert(argv.end(), provider.one_shot->args.begin(), provider.one_shot->args.end());
  return argv;
}

// The process may end without having read it, which is its own affair.
net::Task<void> feed(std::shared_ptr<Attachment> attachment, Secret prompt) {
  auto rest = prompt.reveal();
  auto offset = attachment->stdin_offset();
  while (!rest.empty()) {
    auto piece = rest.substr(0, kPiece);
    const auto* at = reinterpret_cast<const std::byte*>(piece.data());
    std::vector<std::byte> bytes(at, at + piece.size());
    auto written = co_await attachment->write(offset, std::move(bytes));
    if (!written) co_return;
    offset += piece.size();
    rest.remove_prefix(piece.size());
  }
  (void)co_await attachment->close_stdin(offset);
}

}  // namespace

class Manager::Asked final : public Answer {
 public:
  Asked(Manager& manager, SessionId id, std::shared_ptr<Live> live, std::shared_ptr<Attachment> attachment,
        std::uint64_t most)
      : manager_(manager),
        id_(std::move(id)),
        live_(std::move(live)),
        attachment_(std::move(attachment)),
        left_(most),
        most_(most) {}

  ~Asked() override {
    manager_.asked_.erase(id_);
    manager_.scope_.spawn(manager_.take_back(id_));
  }

  net::Task<Result<std::optional<AttachEvent>>> next() override {
    if (over_) co_return std::optional<AttachEvent>();
    if (too_long_) co_return end_too_long();
    BRIG_CO_TRY(auto event, co_await attachment_->next());
    while (event && std::holds_alternative<StdinAccepted>(*event)) {
      BRIG_CO_TRY(event, co_await attachment_->next());
    }
    if (!event || std::holds_alternative<Ended>(*event)) over_ = true;
    if (auto* output = event ? std::get_if<Output>(&*event) : nullptr) {
      too_long_ = output->bytes.size() > left_;
      if (too_long_) output->bytes = output->bytes.first(static_cast<std::size_t>(left_));
      left_ -= output->bytes.size();
      if (output->bytes.empty()) co_return end_too_long();
    }
    co_return event;
  }

 private:
  AttachEvent end_too_long() {
    over_ = true;
    Outcome outcome{Outcome::Kind::stopped, kTooLong, 0,
                    "the answer is longer than the " + format_size(most_) + " that were asked for"};
    if (!live_->stopping) live_->stopping = outcome;
    return Ended{outcome};
  }

  Manager& manager_;
  SessionId id_;
  std::shared_ptr<Live> live_;
  std::shared_ptr<Attachment> attachment_;
  std::uint64_t left_;
  std::uint64_t most_;
  bool too_long_ = false;
  bool over_ = false;
};

namespace {

// Its time was over before it ran.
class Late final : public Answer {
 public:
  explicit Late(Millis limit) : limit_(limit) {}
  net::Task<Result<std::optional<AttachEvent>>> next() override {
    if (std::exchange(told_, true)) co_return std::optional<AttachEvent>();
    Outcome outcome{Outcome::Kind::expired, 0, 0,
                    "it did not answer within its time limit, " + format_duration(limit_) +
                        ": it was still being started"};
    co_return AttachEvent(Ended{outcome});
  }

 private:
  Millis limit_;
  bool told_ = false;
};

}  // namespace

bool is_one_shot(const store::SessionRow& row) {
  auto labels = labels_from_json(row.labels_json);
  return labels && labels->contains(std::string(kOneShotLabel));
}

net::Task<Result<std::unique_ptr<Answer>>> Manager::ask(Caller caller, AskSpec spec) {
  BRIG_CO_TRY(auto provider, parts_.images.provider(spec.provider));
  BRIG_CO_CHECK(check_prompt(provider, spec));
  BRIG_CO_CHECK(check_image_of(caller, spec.image));
  auto limit = spec.limit;
  auto deadline = Deadline::in(limit);
  auto steps = ask_steps(std::move(caller), std::move(spec), std::move(provider));
  auto asked = co_await net::with_deadline(std::move(steps), deadline, "the answer");
  // What was begun is taken back as if whoever asked had gone away.
  bool late = !asked && asked.error().code == Code::timeout && deadline.passed();
  if (late) co_return std::make_unique<Late>(limit);
  co_return asked;
}

net::Task<Result<std::unique_ptr<Answer>>> Manager::ask_steps(Caller caller, AskSpec spec,
                                                              image::Provider provider) {
  auto until = parts_.clock.wall() + spec.limit;
  CreateSpec create;
  create.provider = spec.provider;
  create.identity = spec.identity;
  create.image = spec.image;
  create.profile = spec.profile;
  create.mesh = spec.mesh;
  create.request = spec.request;
  if (!create.request.limits.disk) create.request.limits.disk = kScratch;
  create.env = std::move(spec.env);
  create.stdin_open = provider.one_shot->prompt_on_stdin;
  create.remove_when_ended = true;
  create.ttl = spec.limit;
  Origin origin;
  origin.argv = command_of(provider);
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(create), &origin));
  prepared.row.labels_json = labels_to_json({{std::string(kOneShotLabel), "1"}});
  prepared.life->expires = until;  // being prepared counts
  if (!provider.one_shot->prompt_on_stdin) prepared.last_argument = spec.prompt;

  auto id = prepared.row.id;
  auto launch = std::make_shared<Launch>(executor_, std::move(prepared));
  // What it leaves is kept until it has been read.
  asked_.insert(id);
  auto give_up = [this, id] { asked_.erase(id); };
  Claim claim{give_up};
  BRIG_CO_CHECK(co_await await_launch(launch));
  auto live = launch->live;
  AttachSpec reading;
  reading.write = true;
  reading.pace = true;
  std::shared_ptr<Attachment> attachment = attach_to(live->sandbox->find(1), live->sandbox, reading);
  if (provider.one_shot->prompt_on_stdin) scope_.spawn(feed(attachment, std::move(spec.prompt)));
  claim.taken = true;
  co_return std::unique_ptr<Answer>(
      std::make_unique<Asked>(*this, id, live, std::move(attachment), spec.max_output));
}

}  // namespace brig::session
