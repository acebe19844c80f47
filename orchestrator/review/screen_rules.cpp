#include "review/screen.hpp"

namespace brig::review {
namespace {

constexpr std::string_view kGitConfig = "git runs programs that its configuration names";
constexpr std::string_view kGitHooks = "git runs it on commit, checkout and the like";
constexpr std::string_view kAgent = "agents on the host take settings, commands and tools from it";
constexpr std::string_view kAgentText = "agents on the host follow what it says";
constexpr std::string_view kEditor = "editors run tasks and programs it names";
constexpr std::string_view kShell = "shells run it when the directory is entered or they start";
constexpr std::string_view kPackages = "installing packages runs or fetches what it says";
constexpr std::string_view kBuild = "build tools run it, whatever they are asked to build";
constexpr std::string_view kPython = "Python runs it when it starts";
constexpr std::string_view kCommit = "it runs on every commit";
constexpr std::string_view kService = "it runs with the rights of a build service";
constexpr std::string_view kDebugger = "debuggers run it when they start here";

constexpr Rule kRules[] = {
    {".git/**/hooks/**", kGitHooks},
    {".git/**/config", kGitConfig},
    {".git/**/config.worktree", kGitConfig},
    {".git/**/info/attributes", "git runs the filters it names"},
    {".git/**/objects/info/alternates", "git reads objects from where it points"},
    {".git/**/commondir", "git takes configuration and hooks from where it points"},
    {".git/**/gitdir", "git takes configuration and hooks from where it points"},
    {".gitconfig", kGitConfig},
    {".gitmodules", "git fetches and checks out what it names"},
    {".gitattributes", "git runs the filters and drivers it names"},
    {".hg/hgrc", "Mercurial runs the hooks it names"},
    {".claude/**", kAgent},
    {".claude.json", kAgent},
    {".mcp.json", kAgent},
    {".codex/**", kAgent},
    {".gemini/**", kAgent},
    {".cursor/**", kAgent},
    {".windsurf/**", kAgent},
    {".aider.conf.yml", kAgent},
    {".continue/**", kAgent},
    {".roo/**", kAgent},
    {".opencode/**", kAgent},
    {"opencode.json", kAgent},
    {"CLAUDE.md", kAgentText},
    {"CLAUDE.local.md", kAgentText},
    {"AGENTS.md", kAgentText},
    {"GEMINI.md", kAgentText},
    {".cursorrules", kAgentText},
    {".windsurfrules", kAgentText},
    {".clinerules", kAgentText},
    {".github/copilot-instructions.md", kAgentText},
    {".vscode/**", kEditor},
    {"*.code-workspace", kEditor},
    {".idea/**", kEditor},
    {".fleet/**", kEditor},
    {".zed/**", kEditor},
    {".devcontainer/**", kEditor},
    {".devcontainer.json", kEditor},
    {".vimrc", kEditor},
    {".exrc", kEditor},
    {".nvimrc", kEditor},
    {".nvim.lua", kEditor},
    {".dir-locals.el", kEditor},
    {".envrc", kShell},
    {".mise.toml", kShell},
    {"mise.toml", kShell},
    {".mise/**", kShell},
    {".bashrc", kShell},
    {".bash_profile", kShell},
    {".bash_login", kShell},
    {".profile", kShell},
    {".zshrc", kShell},
    {".zshenv", kShell},
    {".zprofile", kShell},
    {".config/**", "programs take their settings from it if this is a home directory"},
    {".ssh/**", "it decides who may log in, and what ssh runs"},
    {".npmrc", kPackages},
    {".yarnrc", kPackages},
    {".yarnrc.yml", kPackages},
    {".yarn/**", kPackages},
    {".pnpmfile.cjs", kPackages},
    {".pnpmfile.js", kPackages},
    {"bunfig.toml", kPackages},
    {"binding.gyp", kPackages},
    {"pip.conf", kPackages},
    {".gemrc", kPackages},
    {".bundle/config", kPackages},
    {".cargo/config", kBuild},
    {".cargo/config.toml", kBuild},
    {"rust-toolchain", kBuild},
    {"rust-toolchain.toml", kBuild},
    {".bazelrc", kBuild},
    {".mvn/**", kBuild},
    {"gradle/wrapper/**", kBuild},
    {"sitecustomize.py", kPython},
    {"usercustomize.py", kPython},
    {"*.pth", kPython},
    {"conftest.py", "pytest runs it, whatever test is asked for"},
    {".husky/**", kCommit},
    {".pre-commit-config.yaml", kCommit},
    {"lefthook.yml", kCommit},
    {".lefthook.yml", kCommit},
    {".github/workflows/**", kService},
    {".github/actions/**", kService},
    {".gitlab-ci.yml", kService},
    {".circleci/**", kService},
    {".travis.yml", kService},
    {"azure-pipelines.yml", kService},
    {"Jenkinsfile", kService},
    {".gdbinit", kDebugger},
    {".lldbinit", kDebugger},
};

}  // namespace

std::span<const Rule> screening_rules() {
  return kRules;
}

}  // namespace brig::review
