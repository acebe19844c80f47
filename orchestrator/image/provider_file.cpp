#include "image/provider_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "config/table.hpp"
#include "core/text.hpp"
#include "image/reference.hpp"

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

constexpr std::array<std::string_view, 3> kSharing{"shared", "overlay", "exclusive"};

// "a/b" or "a/b/", within the directory.
bool is_relative(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.empty() || text.size() > 512) return false;
  for (auto part : split(text, '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return printable(text, 1024) == text;
}

void read_config(config::Table& entry, Provider& provider) {
  ConfigMount mount;
  mount.path = entry.text("path", 1024).value_or("");
  if (auto fine = check_config_path("path", mount.path); !fine)
    entry.fail("path", fine.error().message.substr(5));
  mount.read_only = entry.flag("read_only").value_or(true);
  mount.file = entry.flag("file").value_or(false);
  mount.initial = entry.text("initial", 64 << 10).value_or("");
  if (!mount.file && !mount.initial.empty())
    entry.fail("initial", "is given for a directory; it is the content of a single file, with file = true");
  auto sharing = entry.text("sharing", 64).value_or("shared");
  auto at = std::find(kSharing.begin(), kSharing.end(), sharing);
  if (at == kSharing.end())
    entry.fail("sharing", "is " + quoted(sharing) + "; write shared, overlay or exclusive" +
                              did_you_mean(sharing, kSharing));
  else
    mount.sharing = static_cast<Sharing>(at - kSharing.begin());
  mount.keep = entry.texts("keep", 32, 512).value_or(std::vector<std::string>{});
  for (const auto& kept : mount.keep)
    if (!is_relative(kept))
      entry.fail("keep",
                 "holds " + quoted(kept) +
                     "; write paths of files below the directory, and directories with a '/' at the end");
  if (!mount.keep.empty() && (mount.sharing != Sharing::overlay || mount.read_only))
    entry.fail("keep",
               "is given without sharing = \"overlay\" and read_only = false; nothing else has "
               "anything to bring back");
  if (mount.file && mount.sharing == Sharing::overlay)
    entry.fail("sharing", "is overlay for a single file; use shared or exclusive, or declare its directory");
  provider.config.push_back(std::move(mount));
}

// A CLI may look for skills in the system's configuration, in a directory that is for those alone.
void read_skills(config::Table& top, Provider& provider) {
  provider.skills = top.text("skills", 512).value_or("");
  if (!top.has("skills")) return;
  std::filesystem::path path(provider.skills);
  bool in_etc = provider.skills.starts_with("/etc/");
  auto fine = check_config_path("skills", in_etc ? "/opt" + provider.skills : provider.skills);
  if (!fine)
    top.fail("skills", fine.error().message.substr(7));
  else if (path.filename() != "skills" || path.parent_path() == "/etc")
    top.fail("skills", "is " + quoted(provider.skills) +
                           "; write where the CLI looks for skills, a directory of that name such as "
                           "/home/agent/.agents/skills");
}

bool is_field(std::string_view text) {
  return !text.empty() && text.size() <= 256 && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos && printable(text, 512) == text;
}

void read_probe(config::Table& entry, Provider& provider) {
  ProbeFile probe;
  probe.file = entry.text("file", 512).value_or("");
  if (!is_relative(probe.file) || probe.file.back() == '/')
    entry.fail("file",
               "is " + quoted(probe.file) + "; write a file's path below the configuration directory");
  probe.logged_in = entry.texts("logged_in", 8, 256).value_or(std::vector<std::string>{});
  probe.account = entry.texts("account", 8, 256).value_or(std::vector<std::string>{});
  probe.token = entry.text("token", 256).value_or("");
  for (const auto* list : {&probe.logged_in, &probe.account})
    for (const auto& field : *list)
      if (!is_field(field))
        entry.fail(list == &probe.account ? "account" : "logged_in",
                   "holds " + quoted(field) + "; write fields as in \"oauthAccount.emailAddress\"");
  if (entry.has("token") && !is_field(probe.token))
    entry.fail("token", "is " + quoted(probe.token) + "; write a field, as in \"tokens.id_token\"");
  provider.probe.push_back(std::move(probe));
}

void read_arguments(config::Table& top, Provider& provider) {
  provider.binary = top.text("binary", 256).value_or("");
  // Without an image no sandbox is declared, so nothing will be run.
  if (!is_program_name(provider.binary) && (!provider.image.empty() || top.has("binary")))
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
  provider.profile_env_is_parent = top.flag("profile_env_is_parent").value_or(false);
  if (provider.profile_env_is_parent && provider.profile_env.empty())
    top.fail("profile_env_is_parent", "is given without profile_env; remove it");
}

void read_credential_of(config::Table& entry, Provider& provider) {
  egress::CredentialText text;
  text.host = entry.text("host", 300).value_or("");
  text.header = entry.text("header", 256);
  text.query = entry.text("query", 256);
  text.basic = entry.text("basic", 256);
  text.value = entry.text("value", 256).value_or("");
  text.shape = entry.text("template", 256);
  text.env = entry.text("env", 256);
  text.base_url_env = entry.text("base_url_env", 256);
  text.base_url_path = entry.text("base_url_path", 256);
  text.optional = entry.flag("optional").value_or(false);
  egress::Credential out;
  if (auto bad = egress::read_credential(text, out))
    entry.fail(bad->field, bad->why);
  else
    provider.credentials.push_back(std::move(out));
}

void read_credentials(config::Table& top, Provider& provider) {
  auto entries = top.list("credential", egress::kMaxCredentials);
  for (auto* entry : entries) read_credential_of(*entry, provider);
  if (provider.credentials.size() != entries.size()) return;
  if (auto bad = egress::check_together(provider.credentials))
    top.fail("credential", "has two that collide: its " + bad->field + " " + bad->why);
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

// Each text on the way to the CLI may name the places, and what names the file needs one.
void read_mcp(config::Table& top, Provider& provider) {
  auto& table = top.table("mcp");
  if (!table.present()) return;
  auto& mcp = provider.mcp;
  mcp.args = table.texts("args", kMaxArgs).value_or(std::vector<std::string>{});
  mcp.env = table.pairs("env", 16, 4096);
  mcp.file = table.text("file", 16 << 10).value_or("");
  for (const auto& [name, value] : mcp.env)
    if (!check_env_name("env", name))
      table.fail("env", "has the name " + quoted(name) + "; write letters, digits and '_', no digit first");
  if (provider.args_are_command && !mcp.args.empty())
    table.fail("args", "is given where the caller's arguments are the command; remove it");
  if (mcp.args.empty() && mcp.env.empty()) {
    table.fail(table.has("file") ? "file" : "args",
               "leaves the CLI untold; write args or env that name {url} or {file}");
    return;
  }
  auto names_file = [](std::string_view text) { return text.find("{file}") != text.npos; };
  bool named =
      std::any_of(mcp.args.begin(), mcp.args.end(), names_file) ||
      std::any_of(mcp.env.begin(), mcp.env.end(), [&](const auto& e) { return names_file(e.second); });
  if (named && mcp.file.empty())
    table.fail("file", "is missing, though {file} is named; write what is in it");
  if (!named && !mcp.file.empty()) table.fail("file", "is given, but neither args nor env name {file}");
}

Result<void> check_id(std::string_view id, std::string_view remedy) {
  BRIG_CHECK(check_name("provider", id));
  if (std::any_of(id.begin(), id.end(), [](char c) { return c >= 'A' && c <= 'Z'; }) || id == kBase)
    return Error{Code::invalid,
                 "a provider cannot be called " + quoted(id) + "; " + std::string(remedy) +
                     ": lower case, and not 'base'",
                 "image", false};
  return {};
}

void read_provider(config::Table& top, Provider& provider) {
  provider.title = top.text("title", 120).value_or("");
  if (provider.title.empty() || printable(provider.title) != provider.title)
    top.fail("title", "is " + quoted(provider.title) + "; write one line for people");
  read_arguments(top, provider);
  read_env(top, provider);
  provider.profile = top.text("profile", 64).value_or("");
  if (top.has("profile") && !check_name("profile", provider.profile))
    top.fail("profile", "is " + quoted(provider.profile) + "; write the name of a policy profile");
  for (auto* entry : top.list("config", 32)) read_config(*entry, provider);
  read_skills(top, provider);
  for (auto* entry : top.list("probe", 8)) read_probe(*entry, provider);
  if (!provider.profile_env.empty() && (provider.config.empty() || provider.config[0].file))
    top.fail("profile_env",
             "is given, but the first of [[config]] is no directory that it could name; declare "
             "the configuration directory first");
  if (!provider.probe.empty() && (provider.config.empty() || provider.config[0].file))
    top.fail("probe", "is given, but the first of [[config]] is no directory to look into");
  provider.egress_hosts = top.table("egress").texts("hosts", 256).value_or(std::vector<std::string>{});
  for (const auto& host : provider.egress_hosts)
    if (!is_host_name(host))
      top.table("egress").fail("hosts", "holds " + quoted(host) + "; write names of hosts");
  read_credentials(top, provider);
  read_one_shot(top, provider);
  read_mcp(top, provider);
  auto& needs = top.table("needs");
  provider.needs_memory = needs.size("memory", 0, kMaxNeed).value_or(0);
  provider.needs_disk = needs.size("disk", 0, kMaxNeed).value_or(0);
}

}  // namespace

std::string_view to_string(Sharing sharing) {
  return kSharing[static_cast<std::size_t>(sharing)];
}

Result<void> check_config_path(std::string_view field, std::string_view text) {
  std::filesystem::path path(text);
  if (!path.is_absolute() || text.size() < 2 || text.size() > 512 || printable(text, 1024) != text ||
      path.lexically_normal().native() != text || text.back() == '/' || text.starts_with("//"))
    return Error{Code::invalid,
                 std::string(field) + " is " + quoted(text) +
                     "; write an absolute path without '.', '..' or a '/' at the end",
                 "image", false};
  auto within = [&](std::string_view root) {
    return text.starts_with(root) && (text.size() == root.size() || text[root.size()] == '/');
  };
  // Places where the sandbox itself puts things, and those whose content decides what runs.
  for (std::string_view taken :
       {"/workspace", "/run", "/proc", "/sys", "/dev", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin",
        "/usr/lib", "/usr/local/bin", "/var/run", "/etc"})
    if (within(taken))
      return Error{Code::invalid,
                   std::string(field) + " is " + quoted(text) +
                       ", which lies in Brig's or the system's own " + std::string(taken) +
                       "; use a place in /home/agent or one of its own, such as /opt/name",
                   "image", false};
  for (std::string_view whole : {"/home", "/home/agent", "/tmp", "/usr", "/usr/local", "/var", "/opt"})
    if (text == whole)
      return Error{Code::invalid,
                   std::string(field) + " is " + quoted(text) +
                       ", which would cover what else is there; name a directory in it",
                   "image", false};
  return {};
}

Result<Provider> parse_provider(std::string_view text, std::string_view file, std::string_view id,
                                std::string_view prefix) {
  if (auto fine = check_id(id, "rename its folder"); !fine) {
    auto error = fine.error();
    error.message = printable(file) + ": " + error.message;
    return error;
  }
  BRIG_TRY(auto document, config::Document::parse(text, file));
  auto& top = document->top();
  Provider provider;
  provider.id = ProviderId(std::string(id));
  provider.image = std::string(prefix) + "/" + std::string(id) + ":latest";
  if (!top.has("schema")) top.fail("schema", "is missing; write schema = 1");
  top.number("schema", 1, 1);
  read_provider(top, provider);
  BRIG_CHECK(document->finish());
  return provider;
}

Result<Provider> parse_provider_json(const nlohmann::json& object, std::string_view id) {
  BRIG_CHECK(check_id(id, "choose another id"));
  BRIG_TRY(auto document, config::Document::from_json(object, "provider " + quoted(id)));
  auto& top = document->top();
  Provider provider;
  provider.id = ProviderId(std::string(id));
  provider.builtin = false;
  top.number("schema", 1, 1);
  provider.image = top.text("image", 1024).value_or("");
  if (top.has("image"))
    if (auto fine = check_image_reference("image", provider.image); !fine)
      top.fail("image", fine.error().message.substr(6));
  auto name = provider.image.substr(provider.image.rfind('/') + 1);
  if (!provider.image.empty() && name.find_first_of(":@") == std::string::npos) provider.image += ":latest";
  read_provider(top, provider);
  BRIG_CHECK(document->finish());
  return provider;
}

}  // namespace brig::image
