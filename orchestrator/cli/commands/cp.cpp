#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/sending.hpp"
#include "cli/exit_codes.hpp"
#include "cli/signals.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "tar/extract.hpp"
#include "tar/pack.hpp"
#include "tar/place.hpp"

namespace brig::cli {
namespace {

constexpr int kMaxWarnings = 10;

Error invalid(std::string message, const char* where = "cli") {
  return Error{Code::invalid, std::move(message), where, false};
}

// One of the two things on the command line.
struct Side {
  bool stream = false;
  std::string session;  // empty: a path of ours
  std::string path;
};

// "SESSION:PATH", unless what comes before the colon has a slash.
Result<Side> parse_side(const std::string& text) {
  Side side;
  side.stream = text == "-";
  auto colon = text.find(':');
  bool local = colon == std::string::npos || colon == 0 || text.find('/') < colon;
  if (local) {
    side.path = text;
    if (text.empty()) return invalid("an empty name is no file; write '.' for this directory");
    return side;
  }
  side.session = text.substr(0, colon);
  side.path = text.substr(colon + 1);
  if (side.path.empty()) {
    return invalid(quoted(text) + " names no path; write " + printable(text) +
                   "/workspace/…, or a path from /workspace");
  }
  if (!side.path.starts_with('/')) side.path = "/workspace/" + side.path;
  return side;
}

std::string files_path(const Side& side, const std::string& more = "") {
  return session_path(side.session) + "/files?path=" + percent_encode(side.path) + more;
}

// What comes out of the sandbox, put into place.
class Arrival final : public tar::Handler, private tar::Extractor::Listener {
 public:
  Arrival(const tar::Place& place, const char* top, Meter& meter)
      : meter_(meter), extractor_(place.directory(), {.top = top, .rename = place.rename()}, *this) {}

  bool on_entry(const tar::Entry& entry) override {
    if (extractor_.entries() == 0 && entry.kind == tar::Kind::file) meter_.expect(entry.size);
    return extractor_.on_entry(entry);
  }
  bool on_data(const char* bytes, std::size_t size) override { return extractor_.on_data(bytes, size); }
  bool on_entry_end() override { return extractor_.on_entry_end(); }
  void on_note(const char* text, std::size_t size) override { extractor_.on_note(text, size); }

  tar::Extractor& extractor() { return extractor_; }
  int left_out() const { return warnings_; }
  bool links_left_out() const { return links_; }

 private:
  void left_out(const char* name, const char* target) override {
    links_ = true;
    warn("left out " + quoted(name, 512) + ", a symbolic link that leads out of the copy, to " +
         quoted(target, 512));
  }
  void note(const char* text, std::size_t size) override { warn(printable({text, size}, 1024)); }
  void warn(const std::string& text) {
    meter_.finish();
    if (++warnings_ <= kMaxWarnings) say_error(text);
  }

  Meter& meter_;
  tar::Extractor extractor_;
  int warnings_ = 0;
  bool links_ = false;
};

Error explain(const tar::Trouble& trouble, const std::string& session) {
  if (trouble.error == 0) {
    return Error{Code::invalid,
                 "the archive that came out of " + quoted(session) + " is refused at " +
                     quoted(trouble.path, 512) + ": " + trouble.doing,
                 "cli", false};
  }
  auto error = errno_error(trouble.error,
                           std::string("cannot ") + trouble.doing + " " + quoted(trouble.path, 512), "cli");
  if (trouble.error == ELOOP || trouble.error == ENOTDIR)
    error.message += "; a symbolic link or a file is in its way, and is not followed: move it";
  return error;
}

Result<int> download(Context& context, const Side& from, const std::string& to) {
  char top[tar::kMaxName];
  if (!tar::base_name(from.path.c_str(), top)) return invalid("the path inside is too long");
  tar::Place place;
  int error = 0;
  if (!place.open(to.c_str(), top, false, error)) {
    return errno_error(error, "cannot write to " + quoted(to, 512), "cli");
  }
  BRIG_TRY(Client * client, context.client());
  Signals signals({SIGINT, SIGTERM, SIGHUP});
  client->interrupt_by(signals.fd());
  Meter meter(context.err(), from.path);
  auto arrival = std::make_unique<Arrival>(place, top, meter);
  auto reader = std::make_unique<tar::Reader>(*arrival);
  auto streamed = client->stream("GET", files_path(from), nullptr, [&](std::string_view part) {
    meter.add(part.size());
    return reader->feed(part.data(), part.size());
  });
  client->interrupt_by(-1);
  meter.finish();
  auto& extractor = arrival->extractor();
  bool whole = streamed.ok() && reader->finish() && extractor.finish();
  if (arrival->left_out() > kMaxWarnings)
    say_error("… and " + std::to_string(arrival->left_out() - kMaxWarnings) + " more");
  if (arrival->links_left_out()) {
    say_error("to have such links as well: brig cp " + printable(from.session + ":" + from.path, 512) +
              " - | tar x");
  }
  if (whole) return 0;
  extractor.abandon();
  if (extractor.trouble().is_set()) return explain(extractor.trouble(), from.session);
  if (reader->trouble().is_set()) return explain(reader->trouble(), from.session);
  if (was_interrupted(streamed.error())) return kExitSignalBase + signals.take();
  return streamed.error();
}

Result<int> download_stream(Context& context, const Side& from) {
  if (::isatty(STDOUT_FILENO))
    return invalid("what comes is a tar archive, which is nothing for a terminal; add: | tar tv, or > FILE");
  BRIG_TRY(Client * client, context.client());
  Meter meter(context.err(), from.path);
  BRIG_CHECK(client->stream("GET", files_path(from), nullptr, [&](std::string_view part) {
    meter.add(part.size());
    print(part);
    return flush_output().ok();
  }));
  return 0;
}

// Files on their way into the sandbox.
class Departure final : public tar::Sink {
 public:
  Departure(Client::Upload& upload, Meter& meter) : upload_(upload), meter_(meter) {}
  bool write(const char* bytes, std::size_t size) override {
    meter_.add(size);
    return upload_.write({bytes, size});
  }
  bool note(const char* text) override {
    meter_.finish();
    if (++warnings_ <= kMaxWarnings) say_error(printable(text, 1024));
    return true;
  }
  int warnings() const { return warnings_; }

 private:
  Client::Upload& upload_;
  Meter& meter_;
  int warnings_ = 0;
};

Result<int> upload(Context& context, const std::string& from, const Side& to) {
  char top[tar::kMaxName];
  struct stat stat {};
  if (::stat(from.c_str(), &stat) != 0) return errno_error(errno, "cannot read " + quoted(from, 512), "cli");
  if (!tar::base_name(from.c_str(), top)) return invalid("the path is too long");
  BRIG_TRY(Client * client, context.client());
  Meter meter(context.err(), from);
  if (S_ISREG(stat.st_mode)) meter.expect(static_cast<std::uint64_t>(stat.st_size));
  Client::Upload sending(*client);
  BRIG_CHECK(sending.begin("PUT", files_path(to, "&top=" + percent_encode(top)), "application/x-tar"));
  Departure departure(sending, meter);
  auto packer = std::make_unique<tar::Packer>(departure);
  bool packed = packer->pack(AT_FDCWD, from.c_str(), top);
  meter.finish();
  if (departure.warnings() > kMaxWarnings)
    say_error("… and " + std::to_string(departure.warnings() - kMaxWarnings) + " more");
  if (!packed && packer->trouble().is_set())
    return explain(packer->trouble(), to.session);  // breaking off takes it back
  BRIG_CHECK(sending.finish());
  return 0;
}

Result<int> upload_stream(Context& context, const Side& to) {
  if (::isatty(STDIN_FILENO))
    return invalid("what is read is a tar archive; pipe one in, as in: tar c src | brig cp - " +
                   printable(to.session + ":" + to.path, 512));
  BRIG_TRY(Client * client, context.client());
  Meter meter(context.err(), to.path);
  Client::Upload sending(*client);
  BRIG_CHECK(sending.begin("PUT", files_path(to), "application/x-tar"));
  BRIG_CHECK(send(STDIN_FILENO, "the archive from standard input", sending, meter));
  return 0;
}

Result<int> cp(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  BRIG_TRY(Side from, parse_side(words[0]));
  BRIG_TRY(Side to, parse_side(words[1]));
  if (from.session.empty() == to.session.empty()) {
    if (from.session.empty())
      return invalid("neither of the two is in a session; write SESSION:PATH for the one that is", "usage");
    return invalid("both are in sessions; copy from one to the other with: brig cp " +
                       printable(words[0], 512) + " - | brig cp - " + printable(words[1], 512),
                   "usage");
  }
  if (to.session.empty())
    return to.stream ? download_stream(context, from) : download(context, from, to.path);
  return from.stream ? upload_stream(context, to) : upload(context, from.path, to);
}

constexpr PositionalSpec kPositionals[] = {
    {.name = "FROM",
     .help = "SESSION:PATH, a path of yours, or - for an archive on standard input",
     .complete = "file"},
    {.name = "TO",
     .help = "SESSION:PATH, a path of yours, or - for an archive on standard output",
     .complete = "file"},
};

constexpr Example kExamples[] = {
    {"brig cp fix:out.tar .", "a file from /workspace to here"},
    {"brig cp data fix:/tmp/", "a directory into the sandbox's /tmp"},
    {"brig cp fix:/workspace/. result", "what is in a directory, into a new one"},
    {"brig cp fix:src - | tar tv", "as an archive, for tar"},
    {"git archive HEAD | brig cp - fix:/workspace", "an archive, unpacked inside"},
};

}  // namespace

constexpr CommandSpec kCp = {
    .name = "cp",
    .summary = "Copy files between here and a running session.",
    .description =
        "Copies a file, or a directory with all that is in it, as cp -r does: into TO if that is a "
        "directory, else under "
        "that name. A path inside that is not absolute begins at /workspace. It is copied with the rights of "
        "the "
        "sandbox's user; modes and times are kept, owners are not.\n"
        "What comes out of a sandbox is not trusted: nothing is written outside of the copy, no symbolic "
        "link is "
        "followed or made that leads out of it, and setuid bits are dropped. A file appears when it is "
        "whole.",
    .positionals = kPositionals,
    .examples = kExamples,
    .run = cp,
};

}  // namespace brig::cli
