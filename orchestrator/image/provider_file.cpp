#include "image/provider_file.hpp"

#include <algorithm>
#include <filesystem>

#include "config/table.hpp"
#include "core/text.hpp"

namespace brig::image {
namespace {

constexpr std::size_t kMaxArgs = 64;
constexpr std::uint64_t kMaxNeed = std::uint64_t{1} << 44;

// A name that PATH resolves, not a path.
bool is_program_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '+';
         });
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '.' || c == '*'; });
}

// As Docker names volumes.
bool is_volume_name(std::string_view text) {
  return text.size() >= 2 && text.size() <= 128 && std::isalnum(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_clean_path(const std::string& text) {
  std::filesystem::path path(text);
  return path.is_absolute() && text.size() > 1 && text.size() <= 512 &&
         path.lexically_normal().native() == text && text.back() != '/';
}

void read_config(config::Table& entry, Provider& provider) {
  ConfigMount mount;
  mount.volume = entry.text("volume", 256).value_or("");
  mount.path = entry.text("path", 1024).value_or("");
  mount.read_only = entry.flag("read_only").value_or(true);
  if (!is_volume_name(mount.volume))
    entry.fail("volume",
               "is " + quoted(mount.volume) + "; write a volume's name: letters, digits, '-', '_' and '.'");
  if (!is_clean_path(mount.path))
    entry.fail("path",
               "is " + quoted(mount.path) + "; write an absolute path without '.', '..' or a '/' at the end");
  provider.config.push_back(std::move(mount));
}

void read_arguments(config::Table& top, Provider& provider) {
  provider.binary = top.text("binary", 256).value_or("");
  if (!is_program_name(provider.binary))
    top.fail("binary",
             "is " + quoted(provider.binary) + "; write the bare name of a program in the image's PATH");
  provider.args_are_command = top.flag("args_are_command").value_or(false);
  provider.default_args = top.texts("default_args", kMaxArgs).value_or(std::vector<std::string>{});
  provider.default_args_reason = top.text("default_args_reason", 1024).value_or("");
  if (!provider.default_args.empty() && provider.default_args_reason.empty())
    top.fail("default_args", "is given without default_args_reason; say why callers cannot do without them");
  if (provider.default_args.empty() && !provider.default_args_reason.empty())
    top.fail("default_args_reason", "is given without default_args; remove it");
  provider.command_when_empty =
      top.texts("command_when_empty", kMaxArgs).value_or(std::vector<std::string>{});
  if (top.has("command_when_empty") && provider.command_when_empty.empty())
    top.fail("command_when_empty", "is empty; name a program, or remove the key");
}

void read_env(config::Table& top, Provider& provider) {
  provider.env = top.pairs("env", 64, 4096);
  for (const auto& [name, value] : provider.env)
    if (!check_env_name("env", name))
      top.fail("env", "has the name " + quoted(name) + "; write letters, digits and '_', no digit first");
  provider.profile_env = top.text("profile_env", 128).value_or("");
  if (top.has("profile_env") && !check_env_name("profile_env", provider.profile_env))
    top.fail("profile_env",
             "is " + quoted(provider.profile_env) + "; write the name of an environment variable");
}

void read_one_shot(config::Table& top, Provider& provider) {
  auto& table = top.table("one_shot");
  if (!table.present()) return;
  OneShot shot;
  shot.args = table.texts("args", kMaxArgs).value_or(std::vector<std::string>{});
  auto prompt = table.text("prompt", 64).value_or("stdin");
  if (prompt != "stdin" && prompt != "argument")
    table.fail("prompt", "is " + quoted(prompt) + "; write \"stdin\" or \"argument\"");
  shot.prompt_on_stdin = prompt == "stdin";
  provider.one_shot = std::move(shot);
}

}  // namespace

Result<Provider> parse_provider(std::string_view text, std::string_view file, std::string_view id,
                                std::string_view prefix) {
  BRIG_CHECK(check_name("provider", id));
  if (std::any_of(id.begin(), id.end(), [](char c) { return c >= 'A' && c <= 'Z'; }) || id == kBase)
    return Error{Code::invalid,
                 printable(file) + ": a provider cannot be called " + quoted(id) +
                     "; rename its folder: lower case, and not 'base'",
                 "image", false};
  BRIG_TRY(auto document, config::Document::parse(text, file));
  auto& top = document->top();
  Provider provider;
  provider.id = ProviderId(std::string(id));
  provider.image = std::string(prefix) + "/" + std::string(id) + ":latest";
  if (!top.has("schema")) top.fail("schema", "is missing; write schema = 1");
  top.number("schema", 1, 1);
  provider.title = top.text("title", 120).value_or("");
  if (provider.title.empty() || printable(provider.title) != provider.title)
    top.fail("title", "is " + quoted(provider.title) + "; write one line for people");
  read_arguments(top, provider);
  read_env(top, provider);
  provider.profile = top.text("profile", 64).value_or("");
  if (top.has("profile") && !check_name("profile", provider.profile))
    top.fail("profile", "is " + quoted(provider.profile) + "; write the name of a policy profile");
  for (auto* entry : top.list("config", 32)) read_config(*entry, provider);
  provider.egress_hosts = top.table("egress").texts("hosts", 256).value_or(std::vector<std::string>{});
  for (const auto& host : provider.egress_hosts)
    if (!is_host_name(host))
      top.table("egress").fail("hosts", "holds " + quoted(host) + "; write names of hosts");
  read_one_shot(top, provider);
  auto& needs = top.table("needs");
  provider.needs_memory = needs.size("memory", 0, kMaxNeed).value_or(0);
  provider.needs_disk = needs.size("disk", 0, kMaxNeed).value_or(0);
  BRIG_CHECK(document->finish());
  return provider;
}

}  // namespace brig::image
