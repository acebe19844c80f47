// Repositories, cloned in a sandbox that reaches their host and nothing else.
#include <fcntl.h>

#include "core/random.hpp"
#include "core/text.hpp"
#include "service/builds.hpp"
#include "service/login.hpp"
#include "service/spec.hpp"
#include "session/git.hpp"
#include "volume/files.hpp"

namespace brig::service {
namespace {

constexpr const char* kCommit = ".commit";
constexpr std::size_t kShownCommit = 12;

// $1 the URL, $2 a branch or tag. The helper is asked by git, for the one host that can be reached.
const std::string kFetchScript = std::string(session::kCloneFunction) + R"sh(
set -e
if [ -n "$GIT_PASSWORD" ]; then
  helper='!answer() { [ "$1" = get ] && printf "username=%s\npassword=%s\n" "$GIT_USER" "$GIT_PASSWORD"; }; answer'
fi
clone --quiet --depth=1 --single-branch --no-tags ${2:+--branch="$2"} -- "$1" "$FOLDER"
git -C "$FOLDER" rev-parse HEAD > .commit
rm -rf "$FOLDER/.git"
)sh";

}  // namespace

net::Task<Result<Builds::Fetched>> Builds::fetch(session::Caller owner, std::string purpose,
                                                 RepositorySource git, Secret key, Progress progress) {
  BRIG_CO_TRY(auto way, session::way_to({git.url, git.ref}));
  auto host = builder(owner, std::move(purpose), session::kGitProvider);
  host.create.request.egress.allow = {way};
  if (!git.key.empty()) {
    BRIG_CO_TRY(auto login, login_of(key, git.key, "git"));
    host.create.env.push_back({"GIT_USER", Secret(login.user)});
    host.create.env.push_back({"GIT_PASSWORD", std::move(login.password)});
  }
  host.create.env.push_back({"FOLDER", Secret(kFetched)});
  host.create.args = {"sh", "-c", kFetchScript, "fetch", git.url, git.ref};
  BRIG_CO_CHECK(co_await image_of(session::kGitProvider, progress));
  Fetched out;
  BRIG_CO_TRY(out.built, co_await hosting_.build(std::move(owner), std::move(host), nullptr));
  auto read = [this, layer = out.built->layer()]() -> Result<std::string> {
    BRIG_TRY(auto folder, open_built(layer, "."));
    BRIG_TRY(auto commit, volume::read_inside(folder.get(), kCommit, 256));
    return printable(commit.substr(0, kShownCommit));
  };
  BRIG_CO_TRY(out.commit, co_await blocking_.run(std::move(read)));
  co_return out;
}

}  // namespace brig::service
