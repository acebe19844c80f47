// Images: pulled by the engine, and tried once; what is kept as built is their own account of how they begin.
#include "core/text.hpp"
#include "image/reference.hpp"
#include "service/builds.hpp"
#include "service/login.hpp"
#include "service/spec.hpp"
#include "tar/entry.hpp"

namespace brig::service {
namespace {

constexpr const char* kInit = "/run/brig/init";
constexpr const char* kAccount = "image.json";
constexpr std::size_t kShownId = 19;  // "sha256:" and twelve digits

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "service: image", false};
}

// What the engine asks of registries names the user in its URLs, and a token may stand in a user's place.
Error without_queries(Error why) {
  std::string out;
  bool query = false;
  for (char c : why.message) {
    if (c == '"' || c == '\'' || c == ' ') query = false;
    if (!query) out += c;
    if (c == '?') query = true;
  }
  why.message = std::move(out);
  return why;
}

class Text final : public tar::Sink {
 public:
  bool write(const char* bytes, std::size_t size) override {
    text.append(bytes, size);
    return true;
  }
  std::string text;
};

// An archive with the folder and that file in it.
std::string archive_of(const std::string& account) {
  Text out;
  auto path = std::string(kFolder) + "/" + kAccount;
  tar::write_entry(out, {tar::Kind::directory, 0755, 0, 0, 0, kFolder, ""});
  tar::write_entry(out, {tar::Kind::file, 0644, account.size(), 0, 0, path.c_str(), ""});
  out.write(account.data(), account.size());
  tar::write_padding(out, account.size());
  tar::write_end(out);
  return std::move(out.text);
}

Result<std::optional<docker::RegistryAuth>> auth_of(const ImageSource& source, const Secret& key) {
  if (source.key.empty()) return std::optional<docker::RegistryAuth>();
  BRIG_TRY(auto login, login_of(key, source.key, "token"));
  docker::RegistryAuth auth;
  auth.server = image::registry_of(source.reference);
  auth.user = std::move(login.user);
  auth.password = std::move(login.password);
  return std::optional(std::move(auth));
}

}  // namespace

net::Task<Result<image::Named>> Builds::find_image(ImageSource source, Secret key, Progress progress) {
  BRIG_CO_TRY(auto auth, auth_of(source, key));
  progress(State::building, "pulling " + source.reference);
  auto step = [progress](const image::Progress& told) {
    if (!told.step.empty()) progress(State::building, told.step);
  };
  auto pulled = co_await named_.pull(source.reference, std::move(auth), step);
  if (!pulled) pulled = without_queries(std::move(pulled).error());
  if (!pulled && !source.local) co_return pulled.error();
  auto there = co_await named_.look(source.reference);
  if (!pulled && !there && there.error().code == Code::not_found) co_return pulled.error();
  // One that it has from a registry may not be the newest.
  if (!pulled && there && !there->digest.empty()) co_return pulled.error();
  if (!pulled)
    progress(State::building, "no registry gives " + source.reference + "; taking the engine's own");
  co_return there;
}

net::Task<Result<Product>> Builds::make_image(session::Caller owner, std::string purpose, Spec spec,
                                              Secret key, Progress progress) {
  BRIG_CO_TRY(auto found, co_await find_image(*spec.image, std::move(key), progress));
  Product out;
  auto& entry = out.entry;
  entry.command = std::move(found.entrypoint);
  const auto& arguments = spec.args.empty() ? found.arguments : spec.args;
  entry.command.insert(entry.command.end(), arguments.begin(), arguments.end());
  if (entry.command.empty())
    co_return refuse("image " + quoted(spec.image->reference, 300) +
                     " does not say what it runs; say it with --arg PROGRAM --arg ARGUMENT");
  entry.version = found.id.str().substr(0, kShownId);
  entry.image = {found.id, std::move(found.digest), std::move(found.directory)};
  auto host = builder(owner, std::move(purpose), provider_of(Runtime::binary));
  host.create.image = found.id.str();
  host.create.args = {kInit, "unpack", "/workspace"};
  BRIG_CO_TRY(host.input, input_of(archive_of(entry_to_json(entry))));
  auto installing = [progress, text = source_text(spec)] { progress(State::installing, text); };
  BRIG_CO_TRY(out.built, co_await hosting_.build(std::move(owner), std::move(host), installing));
  auto look = [this, layer = out.built->layer()]() -> Result<Tree> {
    BRIG_TRY(auto folder, open_built(layer, kFolder));
    return hash_tree(folder.get());
  };
  BRIG_CO_TRY(out.tree, co_await blocking_.run(std::move(look)));
  co_return out;
}

net::Task<Result<bool>> Builds::has_image(ImageId id) {
  auto there = co_await named_.look(id.str());
  if (there) co_return true;
  if (there.error().code == Code::not_found) co_return false;
  co_return there.error();
}

net::Task<Result<void>> Builds::fetch_again(EntryImage image, ImageSource source, Secret key) {
  const auto gone = "image " + quoted(source.reference, 300) + " is gone from the engine";
  if (image.digest.empty())
    co_return Error{
        Code::conflict,
        gone + ", and no registry has it; have it there again, and `brig service update` takes it",
        "service: image", false};
  BRIG_CO_TRY(auto auth, auth_of(source, key));
  image::ProgressSink nobody = [](const image::Progress&) {};
  auto pulled = co_await named_.pull(image.digest, std::move(auth), std::move(nobody));
  if (pulled) {
    // A digest gives one image only.
    BRIG_CO_CHECK(co_await named_.look(image.id.str()));
    co_return Result<void>();
  }
  auto why = without_queries(std::move(pulled).error());
  why.message = gone + ": " + why.message;
  why.where = "service: image";  // the engine is there: this counts as a try
  co_return why;
}

}  // namespace brig::service
