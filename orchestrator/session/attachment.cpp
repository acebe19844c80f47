#include "session/attachment.hpp"

#include <algorithm>
#include <utility>

namespace brig::session {
namespace {

constexpr std::size_t kReadSize = 256 * 1024;

// Buffers that attachments read into. One that waits gives its own back, so that idle ones keep none; a few
// are kept for the next, since fresh memory costs more than what is read into it.
using Buffer = std::vector<std::byte>;
constexpr std::size_t kSpare = 2;

std::vector<Buffer>& spare_buffers() {
  static std::vector<Buffer> spare;
  return spare;
}

Buffer take_buffer() {
  auto& spare = spare_buffers();
  if (spare.empty()) return Buffer(kReadSize);
  auto buffer = std::move(spare.back());
  spare.pop_back();
  return buffer;
}

void give_back(Buffer buffer) {
  if (!buffer.empty() && spare_buffers().size() < kSpare) spare_buffers().push_back(std::move(buffer));
}

Error gone() {
  return {Code::conflict, "the process has ended; it takes no more input", "session", false};
}

Error read_only() {
  return {Code::denied,
          "this attachment only watches; attach with write access to send input, signals or sizes", "session",
          false};
}

Error no_pen(const std::string& holder) {
  return {Code::denied,
          "this attachment has not the pen" + (holder.empty() ? "" : ", " + holder + " has") +
              "; take it over to send input, signals or sizes",
          "session", false};
}

std::uint64_t next_hand() {
  static std::uint64_t last = 0;
  return ++last;
}

class ProcessAttachment final : public Attachment {
 public:
  ProcessAttachment(std::shared_ptr<Process> process, std::weak_ptr<Sandbox> sandbox, const AttachSpec& spec,
                    std::uint64_t from, std::shared_ptr<void> presence)
      : presence_(std::move(presence)),
        process_(std::move(process)),
        sandbox_(std::move(sandbox)),
        spec_(spec),
        hand_{next_hand(), spec.key, spec.who},
        reader_(process_->log().read(from)),
        offset_(from),
        written_(process_->stdin_promised()) {
    interrupted_ = process_->pen().interrupted(spec_.key);
    if (spec_.write && process_->pen().ask(hand_, spec_.take_over)) process_->wake();
    pen_seen_ = process_->pen().version();
    if (spec.pace && !process_->outcome()) pace_ = process_->pace(from);
  }

  ~ProcessAttachment() override {
    give_back(std::move(buffer_));
    process_->pen().leave(hand_.id, left_ || spec_.key.empty());
    process_->wake();
    if (!pace_ || said_end_) return;
    auto offset = pace_->offset();
    pace_.reset();
    if (auto sandbox = sandbox_.lock()) sandbox->hold(process_->about().number, offset);
  }

  std::uint64_t output_offset() const override { return offset_; }
  std::uint64_t stdin_offset() const override { return written_; }
  bool terminal() const override { return process_->about().terminal; }
  // What has ended takes no input, so nobody is kept from reading it to its end.
  bool has_pen() const override {
    return process_->pen().held_by(hand_.id) || (spec_.write && process_->outcome());
  }
  std::string pen_holder() const override { return process_->pen().holder(); }
  bool interrupted() const override { return interrupted_; }

  Result<void> take_over() override {
    if (!spec_.write && !spec_.watch) return read_only();
    if (has_pen()) return {};
    auto sandbox = sandbox_.lock();
    if (!sandbox || process_->outcome()) return gone();
    if (!sandbox->link().connected())
      return Error{Code::unavailable, "the sandbox's supervisor is not connected; try again", "session",
                   true};
    process_->pen().ask(hand_, true);
    process_->wake();
    return {};
  }

  void refuse_input() override {
    refused_ = true;
    process_->wake();
  }

  void leave() override { left_ = true; }

  net::Task<Result<std::optional<AttachEvent>>> next() override {
    // Asking for more says that what was given before has been passed on.
    if (pace_) pace_->advance(offset_);
    while (true) {
      if (auto moved = look_at_pen()) co_return AttachEvent(*moved);
      if (std::exchange(refused_, false)) co_return AttachEvent(InputRefused{pen_holder()});
      auto consumed = std::min(process_->stdin_consumed(), written_);
      if (has_pen() && consumed > acknowledged_) {
        acknowledged_ = consumed;
        co_return AttachEvent(StdinAccepted{consumed});
      }
      if (piece_ < batch_.pieces.size()) {
        const auto& piece = batch_.pieces[piece_++];
        offset_ = piece.offset + piece.bytes.size();
        auto stream = piece.stream == outlog::Stream::err ? Output::Stream::err : Output::Stream::out;
        co_return AttachEvent(Output{stream, piece.offset, piece.bytes});
      }
      if (buffer_.empty()) buffer_ = take_buffer();
      BRIG_CO_TRY(batch_, reader_.next(buffer_));
      piece_ = 0;
      if (batch_.gap) {
        offset_ = batch_.gap->to;
        co_return AttachEvent(Gap{batch_.gap->from, batch_.gap->to});
      }
      if (!batch_.pieces.empty()) continue;
      if (!spec_.follow || said_end_) co_return std::optional<AttachEvent>();
      if (process_->outcome()) {
        said_end_ = true;
        co_return AttachEvent(Ended{*process_->outcome()});
      }
      give_back(std::exchange(buffer_, {}));
      co_await process_->changed().wait();
    }
  }

  net::Task<Result<void>> write(std::uint64_t offset, std::vector<std::byte> bytes) override {
    BRIG_CO_TRY(auto sandbox, writable());
    BRIG_CO_CHECK(check_offset(offset));
    auto known = std::min<std::uint64_t>(written_ - offset, bytes.size());
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(known));
    if (bytes.empty()) co_return Result<void>();

    process_->pen().wrote(hand_);
    written_ += bytes.size();
    co_return co_await sandbox->write_input(process_, std::move(bytes));
  }

  net::Task<Result<void>> close_stdin(std::uint64_t offset) override {
    BRIG_CO_TRY(auto sandbox, writable());
    BRIG_CO_CHECK(check_offset(offset));
    auto turn = co_await process_->take_input_turn();
    auto number = process_->about().number;
    auto at = sandbox->link().stdin_offset(number).value_or(process_->stdin_offset());
    co_return co_await sandbox->link().stdin_eof(number, at);
  }

  net::Task<Result<void>> resize(TerminalSize size) override {
    BRIG_CO_TRY(auto sandbox, writable());
    co_return sandbox->link().resize(process_->about().number, {size.rows, size.cols});
  }

  net::Task<Result<void>> signal(int number) override {
    BRIG_CO_TRY(auto sandbox, writable());
    co_return sandbox->link().signal(process_->about().number, number, supervisor::Target::group);
  }

 private:
  Result<void> check_offset(std::uint64_t offset) const {
    if (offset <= written_) return {};
    return Error{Code::invalid,
                 "input at offset " + std::to_string(offset) + " leaves a hole; it goes on at " +
                     std::to_string(written_),
                 "session", false};
  }

  // Whether it has gone from one to another since the last look.
  std::optional<PenMoved> look_at_pen() {
    auto version = process_->pen().version();
    if (std::exchange(pen_seen_, version) == version || (!spec_.write && !spec_.watch)) return {};
    PenMoved moved{has_pen(), pen_holder(), 0};
    if (moved.yours) moved.stdin_offset = written_ = process_->stdin_promised();
    return moved;
  }

  Result<std::shared_ptr<Sandbox>> writable() const {
    if (!spec_.write && !spec_.watch) return read_only();
    if (!has_pen()) return no_pen(pen_holder());
    auto sandbox = sandbox_.lock();
    if (!sandbox || process_->outcome()) return gone();
    return sandbox;
  }

  std::shared_ptr<void> presence_;
  std::shared_ptr<Process> process_;
  std::weak_ptr<Sandbox> sandbox_;
  AttachSpec spec_;
  Pen::Hand hand_;
  outlog::Reader reader_;
  Buffer buffer_;
  outlog::Reader::Batch batch_;  // points into buffer_
  std::size_t piece_ = 0;
  std::uint64_t offset_;
  std::uint64_t written_;           // where this client's input goes on
  std::uint64_t acknowledged_ = 0;  // what it was told that the process has
  std::uint64_t pen_seen_ = 0;
  bool interrupted_ = false;
  bool refused_ = false;
  bool left_ = false;
  std::unique_ptr<Process::Pace> pace_;
  bool said_end_ = false;
};

}  // namespace

std::unique_ptr<Attachment> attach_to(std::shared_ptr<Process> process, std::weak_ptr<Sandbox> sandbox,
                                      AttachSpec spec, std::shared_ptr<void> presence) {
  std::uint64_t from = process->output_begin();
  if (spec.from == AttachSpec::From::end) from = process->output_end();
  if (spec.from == AttachSpec::From::offset) from = std::min(spec.offset, process->output_end());
  return std::make_unique<ProcessAttachment>(std::move(process), std::move(sandbox), spec, from,
                                             std::move(presence));
}

}  // namespace brig::session
