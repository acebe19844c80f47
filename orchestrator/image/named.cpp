#include "image/named.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "image/progress.hpp"
#include "image/reference.hpp"

namespace brig::image {
namespace {

constexpr Millis kPullWithin = std::chrono::minutes(10);
constexpr std::size_t kMaxWords = 64;
constexpr std::size_t kMaxWord = 4096;

Error refuse(const std::string& reference, const std::string& why) {
  return {Code::invalid, "image " + quoted(reference, 300) + " " + why, "image", false};
}

bool is_word(std::string_view text) {
  return text.size() <= kMaxWord && text.find('\0') == text.npos && is_utf8(text);
}

// Engines write the repository as people do: without what is meant where nothing is said.
std::string digest_of(const docker::ImageInfo& info, const std::string& reference) {
  auto repository = repository_of(reference);
  for (std::string_view implied : {"index.docker.io/", "docker.io/", "library/"})
    if (repository.starts_with(implied)) repository.remove_prefix(implied.size());
  for (const auto& digest : info.digests)
    if (repository_of(digest) == repository) return digest;
  return {};
}

}  // namespace

net::Task<Result<Named>> NamedImages::look(std::string reference) {
  BRIG_CO_TRY(auto info, co_await engine_.images().inspect(reference));
  const auto& config = info.config;
  if (!config.volumes.empty())
    co_return refuse(reference, "declares the volume " + quoted(config.volumes.front(), 200) +
                                    ", which no sandbox has; take one without");
  if (config.entrypoint.size() + config.cmd.size() > kMaxWords)
    co_return refuse(reference, "has a command of more than 64 words");
  for (const auto* words : {&config.entrypoint, &config.cmd})
    if (!std::all_of(words->begin(), words->end(), is_word))
      co_return refuse(reference, "has a command that is no text, or of too long words");
  auto directory = config.working_dir.empty() ? "/" : config.working_dir;
  if (!is_word(directory) || !directory.starts_with('/'))
    co_return refuse(reference, "begins in " + quoted(directory, 300) + ", which is no absolute path");
  Named out;
  out.id = info.id;
  out.digest = digest_of(info, reference);
  out.entrypoint = config.entrypoint;
  out.arguments = config.cmd;
  out.directory = std::move(directory);
  co_return out;
}

net::Task<Result<void>> NamedImages::pull(std::string reference, std::optional<docker::RegistryAuth> auth,
                                          ProgressSink progress) {
  docker::PullOptions options;
  options.image = reference;
  options.auth = std::move(auth);
  docker::ProgressSink sink = [progress, reference](const docker::Progress& told) {
    progress(from_pull(reference, told));
  };
  auto deadline = Deadline::in(kPullWithin);
  co_return co_await engine_.images().pull(std::move(options), std::move(sink), deadline);
}

}  // namespace brig::image
