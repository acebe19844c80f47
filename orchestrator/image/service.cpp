#include "image/service.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "core/text.hpp"
#include "image/state.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;

// Made if need be; what a crash left in it goes.
Result<void> empty_directory(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (!error && ::chmod(dir.c_str(), 0700) != 0) error = std::error_code(errno, std::generic_category());
  if (!error)
    for (const auto& entry : fs::directory_iterator(dir, error)) {
      fs::remove_all(entry.path(), error);
      if (error) break;
    }
  if (error) return errno_error(error.value(), "cannot make and empty " + quoted(dir.native(), 256), "image");
  return {};
}

std::map<std::string, std::string> environment_of(const std::vector<std::string>& env) {
  std::map<std::string, std::string> out;
  for (const auto& entry : env) {
    auto equals = entry.find('=');
    if (equals != std::string::npos && equals > 0) out[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return out;
}

}  // namespace

EngineImages::EngineImages(std::unique_ptr<State> state) : state_(std::move(state)) {}
EngineImages::~EngineImages() = default;

Result<std::unique_ptr<EngineImages>> EngineImages::open(Options options, docker::Engine& engine,
                                                         net::Worker& blocking,
                                                         net::asio::any_io_executor executor) {
  std::error_code error;
  options.images_dir = fs::canonical(options.images_dir, error);
  if (error)
    return errno_error(error.value(),
                       "cannot find the folder of images " + quoted(options.images_dir.native(), 256) +
                           "; set [images] dir in brig.toml",
                       "image");
  BRIG_TRY(auto catalog, Catalog::load(options.images_dir, options.prefix));
  for (const auto& [id, image] : options.instead) {
    BRIG_TRY(const Entry* known, catalog.find(id));
    auto& entry = catalog.entries.at(known->provider.id.str());
    entry.provider.image = image;
    entry.folder.clear();
  }
  BRIG_CHECK(empty_directory(options.work_dir));
  auto state = std::make_unique<State>(std::move(options), engine, blocking, executor);
  state->catalog = std::move(catalog);
  return std::unique_ptr<EngineImages>(new EngineImages(std::move(state)));
}

net::Task<void> EngineImages::close() {
  return state_->close();
}

std::vector<Provider> EngineImages::providers() const {
  std::vector<Provider> out;
  for (const auto& [id, entry] : state_->catalog.entries) out.push_back(entry.provider);
  return out;
}

Result<Provider> EngineImages::provider(const std::string& id) const {
  BRIG_TRY(const Entry* entry, state_->catalog.find(id));
  return entry->provider;
}

net::Task<Result<std::vector<ImageInfo>>> EngineImages::list() {
  auto& state = *state_;
  docker::ImageFilter filter;
  filter.references.push_back(kBaseTag);
  for (const auto& [id, entry] : state.catalog.entries)
    if (!entry.provider.image.empty()) filter.references.push_back(entry.provider.image);
  BRIG_CO_TRY(auto images, co_await state.engine.images().list(std::move(filter)));

  std::vector<ImageInfo> out;
  auto add = [&](const std::string& name, const std::string& tag) -> const docker::ImageSummary* {
    ImageInfo info;
    info.provider = ProviderId(name);
    info.tag = tag;
    const docker::ImageSummary* found = nullptr;
    for (const auto& image : images)
      if (std::find(image.tags.begin(), image.tags.end(), tag) != image.tags.end()) found = &image;
    if (found != nullptr) {
      info.built = true;
      info.id = found->id;
      info.size = found->size;
      info.created = found->created;
    }
    out.push_back(std::move(info));
    return found;
  };
  add(kBase, kBaseTag);
  for (const auto& [id, entry] : state.catalog.entries) {
    if (entry.provider.image.empty()) continue;
    const auto* image = add(id, entry.provider.image);
    if (image == nullptr || entry.folder.empty()) continue;
    auto hash = [folder = entry.folder, dir = state.options.images_dir] { return hash_source(folder, dir); };
    BRIG_CO_TRY(auto now, co_await state.blocking.run(std::move(hash)));
    auto label = image->labels.find(kLabelImageSource);
    out.back().stale = label == image->labels.end() || label->second != now;
  }
  co_return out;
}

net::Task<Result<ImageInfo>> EngineImages::build(std::string provider, bool no_cache, ProgressSink progress) {
  if (provider != kBase) {
    auto known = state_->catalog.find(provider);
    if (!known) co_return known.error();
  }
  co_return co_await state_->join_build(std::move(provider), no_cache, std::move(progress));
}

net::Task<Result<void>> EngineImages::remove(std::string provider) {
  std::string tag = kBaseTag;
  if (provider != kBase) {
    BRIG_CO_TRY(const Entry* entry, state_->catalog.find(provider));
    tag = entry->provider.image;
  }
  docker::Images::RemoveOptions options;
  auto removed = co_await state_->engine.images().remove(tag, options);
  if (removed) co_return Result<void>();
  if (removed.error().code == Code::not_found)
    co_return Error{Code::not_found, "there is no image of " + quoted(provider) + " (" + tag + ")", "image",
                    false};
  co_return removed.error();
}

net::Task<Result<std::vector<Outdated>>> EngineImages::outdated() {
  return state_->outdated();
}

Result<void> EngineImages::declare(Provider provider) {
  auto id = provider.id.str();
  auto it = state_->catalog.entries.find(id);
  if (it != state_->catalog.entries.end() && it->second.provider.builtin)
    return Error{Code::conflict, "provider " + quoted(id) + " is a folder of this installation", "image",
                 false};
  state_->catalog.entries.insert_or_assign(id, Entry{std::move(provider), {}});
  return {};
}

void EngineImages::withdraw(const std::string& id) {
  auto it = state_->catalog.entries.find(id);
  if (it != state_->catalog.entries.end() && !it->second.provider.builtin) state_->catalog.entries.erase(it);
}

net::Task<Result<Ready>> EngineImages::ready(std::string provider, std::string instead) {
  BRIG_CO_TRY(const Entry* entry, state_->catalog.find(provider));
  bool built_here = instead.empty() && !entry->folder.empty();
  auto tag = instead.empty() ? entry->provider.image : instead;
  if (entry->provider.image.empty())
    co_return Error{Code::unsupported,
                    "provider " + quoted(provider) +
                        " declares no sandbox: it names no image, so nothing of it can be run in one",
                    "image", false};
  auto image = co_await state_->engine.images().inspect(tag);
  if (!image) {
    if (image.error().code == Code::not_found) {
      auto remedy = built_here ? "is not built; run 'brig image build " + provider + "'"
                    : instead.empty()
                        ? "(" + tag + ") is not at the engine; 'brig image build " + provider + "' pulls it"
                        : "that was asked for (" + tag + ") is not at the engine; pull it there first";
      co_return Error{Code::not_found, "the image of " + quoted(provider) + " " + remedy, "image", false};
    }
    co_return image.error();
  }
  Ready ready;
  ready.id = image->id;
  ready.tag = tag;
  ready.volumes = image->config.volumes;
  for (const auto& [key, value] : image->config.labels) ready.label_keys.push_back(key);
  ready.env = environment_of(image->config.env);
  co_return ready;
}

}  // namespace brig::image
