#include "config/config.hpp"

#include <sys/stat.h>

#include "config/keys.hpp"
#include "config/table.hpp"
#include "core/files.hpp"
#include "core/names.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::config {
namespace {

Table& find_table(Table& top, std::string_view name) {
  Table* table = &top;
  for (auto part : split(name, '.')) table = &table->table(part);
  return *table;
}

void read_provider(Table& entry, Config& config) {
  Config::Provider provider;
  provider.id = entry.text("id", 256).value_or("");
  if (!check_name("id", provider.id))
    entry.fail("id", "is " + quoted(provider.id) + "; write a provider's id");
  for (const auto& other : config.providers)
    if (other.id == provider.id)
      entry.fail("id", "is " + quoted(provider.id) + ", as in an earlier [[provider]]");
  provider.image = entry.text("image", 255).value_or("");
  auto prepare = entry.text("prepare").value_or("");
  if (!prepare.empty() && prepare.front() != '/')
    entry.fail("prepare", "is " + quoted(prepare) + "; write the absolute path of a program");
  provider.prepare = prepare;
  provider.prepare_deadline = entry.duration("prepare_deadline", Millis{100}, std::chrono::minutes(10))
                                  .value_or(provider.prepare_deadline);
  config.providers.push_back(std::move(provider));
}

void read_prune(Table& entry, Config& config) {
  constexpr Millis kLongest = std::chrono::hours(24 * 3650);
  Config::Prune rule;
  rule.name = entry.text("name", 256).value_or("");
  if (!check_name("name", rule.name))
    entry.fail("name", "is " + quoted(rule.name) + "; call the rule something, such as \"stale-caches\"");
  for (const auto& other : config.prunes)
    if (other.name == rule.name)
      entry.fail("name", "is " + quoted(rule.name) + ", as in an earlier [[prune]]");
  rule.every = entry.duration("every", Millis{1'000}, kLongest).value_or(rule.every);
  rule.notice = entry.duration("notice", Millis{0}, kLongest).value_or(std::min(rule.notice, rule.every));
  if (rule.notice > rule.every)
    entry.fail("notice", "is " + format_duration(rule.notice) + ", longer than every, " +
                             format_duration(rule.every) + "; a plan has to be done before the next one");
  rule.dry_run = entry.flag("dry_run").value_or(false);
  rule.unused_for = entry.duration("unused_for", Millis{0}, kLongest).value_or(rule.unused_for);
  rule.keep_last = entry.number("keep_last", 0, 1'000'000).value_or(0);
  rule.larger = entry.size("larger", 0, std::uint64_t{1} << 50).value_or(0);
  rule.orphan = entry.flag("orphan").value_or(false);
  for (auto [key, into] : {std::pair{"mesh", &rule.mesh},
                           {"provider", &rule.provider},
                           {"identity", &rule.identity},
                           {"owner", &rule.owner},
                           {"kind", &rule.kind}})
    *into = entry.text(key, 256).value_or("");
  if (!rule.kind.empty() && rule.kind != "shared" && rule.kind != "config")
    entry.fail("kind", "is " + quoted(rule.kind) + "; write shared or config");
  config.prunes.push_back(std::move(rule));
}

void read_into(Document& document, Config& config) {
  for (const auto& table : tables()) find_table(document.top(), table.table);
  for (const auto& key : keys()) key.read(find_table(document.top(), key.table), key.name, config);
  for (auto* entry : document.top().list("provider", 256)) read_provider(*entry, config);
  for (auto* entry : document.top().list("prune", 64)) read_prune(*entry, config);
}

// The defaults, as the file that would say them all.
std::string standard_text() {
  std::string out;
  for (const auto& table : tables()) {
    out += "[" + std::string(table.table) + "]\n";
    for (const auto& key : keys())
      if (key.table == table.table && !key.standard.empty())
        out += std::string(key.name) + " = " + std::string(key.standard) + "\n";
  }
  return out;
}

void check_listener(Table& table, const std::string& listen, const std::filesystem::path& cert,
                    const std::filesystem::path& key) {
  if (cert.empty() != key.empty())
    table.fail(cert.empty() ? "key" : "cert", std::string("is set without ") +
                                                  (cert.empty() ? "cert" : "key") +
                                                  "; name both, or neither for a certificate of brigd's own");
  if (listen.empty() && !cert.empty())
    table.fail("listen", "is missing; say where to listen, or remove cert and key");
}

void check_together(Table& top, const Config& config) {
  check_listener(top.table("api").table("tcp"), config.tcp.listen, config.tcp.cert, config.tcp.key);
  check_listener(top.table("preview"), config.preview.listen, config.preview.cert, config.preview.key);
}

void append_wrapped(std::string& out, std::string_view text) {
  constexpr std::size_t kWidth = 100;
  std::string line = "#";
  for (auto word : split(text, ' ')) {
    if (line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = "#";
    }
    line += " " + std::string(word);
  }
  out += line + "\n";
}

}  // namespace

Result<Config> parse(std::string_view text, std::string_view file) {
  Config config;
  BRIG_TRY(auto standard, Document::parse(standard_text(), "the defaults"));
  read_into(*standard, config);
  BRIG_CHECK(standard->finish());
  BRIG_TRY(auto document, Document::parse(text, file));
  read_into(*document, config);
  check_together(document->top(), config);
  BRIG_CHECK(document->finish());
  return config;
}

Result<Config> load(const std::filesystem::path& path, bool may_be_absent) {
  struct stat status {};
  if (may_be_absent && ::stat(path.c_str(), &status) != 0 && errno == ENOENT) return parse("", path.native());
  BRIG_TRY(auto text, read_file(path, kMaxDocument));
  return parse(text, path.native());
}

std::string example() {
  std::string out =
      "# The configuration of brigd, read from /etc/brig/brig.toml or the file given by --config.\n"
      "# Every key with its default, as a comment: remove the # from what you want to change.\n"
      "# This file is what `brigd --print-default-config` prints.\n";
  for (const auto& table : tables()) {
    out += "\n";
    append_wrapped(out, table.meaning);
    out += "[" + std::string(table.table) + "]\n";
    for (const auto& key : keys()) {
      if (key.table != table.table) continue;
      out += "\n";
      append_wrapped(out, key.meaning);
      out += "# " + std::string(key.name) + " = " +
             std::string(key.standard.empty() ? key.example : key.standard) + "\n";
    }
  }
  out +=
      "\n# What holds for a single provider; as many of these as there are providers to say something of.\n"
      "# [[provider]]\n"
      "#   id = \"claude\"\n"
      "#   image = \"registry.example:5000/claude:1.2\"   # instead of the one that is built here\n"
      "#   prepare = \"/usr/local/libexec/prepare\"       # a hook: docs/providers.md says what it is asked\n"
      "#   prepare_deadline = \"30s\"\n"
      "\n# A prune of volumes that brigd makes by itself; as many of these as there are rules. Each time it "
      "makes a\n"
      "# plan and tells of it (`brig events`, `brig volume prune --rules`, the log); after `notice` it does "
      "what of\n"
      "# that still holds. What goes is in quarantine, as with `brig volume prune`, and takes the same "
      "filters.\n"
      "# [[prune]]\n"
      "#   name = \"stale-caches\"\n"
      "#   every = \"1d\"            # from plan to plan\n"
      "#   notice = \"1d\"           # from the plan to doing it\n"
      "#   dry_run = false         # true: it only tells\n"
      "#   unused_for = \"30d\"\n"
      "#   keep_last = 0           # of each owner, mesh and provider\n"
      "#   kind = \"shared\"         # or config; absent: either\n"
      "#   larger = \"100M\"         # absent: however much is in it\n"
      "#   orphan = false          # true: only of identities and providers that are gone\n"
      "#   mesh = \"north\"          # absent: of any; likewise provider, identity, owner\n";
  return out;
}

}  // namespace brig::config
