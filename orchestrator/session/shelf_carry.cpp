// Volumes that leave, come in, are copied and go.
#include "core/random.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "net/to_the_end.hpp"
#include "session/shelf.hpp"
#include "session/tenancy.hpp"
#include "volume/carry.hpp"

namespace brig::session {
namespace {

Error refuse(Code code, std::string message) {
  return {code, std::move(message), "session: volumes", false};
}

std::string called(const store::VolumeRow& row) {
  return "volume " + quoted(row.label.empty() ? row.name : row.label, 128);
}

}  // namespace

std::filesystem::path Shelf::carried() const {
  return volume::carried_in(volumes_.quarantine().parent_path());
}

// One with its files in place.
net::Task<Result<store::VolumeRow>> Shelf::present(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find(std::move(caller), std::move(ref)));
  if (row.stage.empty()) co_return row;
  co_return refuse(Code::conflict, called(row) + " is " + row.stage +
                                       "; take it out with `brig volume restore " + printable(row.name) +
                                       "`");
}

class Shelf::Carried final : public Outgoing {
 public:
  Carried(std::shared_ptr<volume::Export> from, net::Worker& worker)
      : from_(std::move(from)), worker_(worker) {}
  ~Carried() override {
    // It waits for the thread that packs.
    worker_.post([from = std::move(from_)]() mutable { from.reset(); });
  }

  net::Task<Result<std::vector<std::byte>>> read() override {
    auto work = [from = from_] { return from->next(); };
    BRIG_CO_TRY(std::string piece, co_await worker_.run(std::move(work)));
    const auto* at = reinterpret_cast<const std::byte*>(piece.data());
    co_return std::vector<std::byte>(at, at + piece.size());
  }

 private:
  std::shared_ptr<volume::Export> from_;
  net::Worker& worker_;
};

net::Task<Result<std::unique_ptr<Outgoing>>> Shelf::carry_out(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await present(std::move(caller), std::move(ref)));
  volume::Described described{row.label.empty() ? row.name : row.label, row.provider, row.identity_label,
                              row.bytes, format_time(row.created)};
  auto work = [from = volumes_.directory_of(row.name), all = carried(),
               described]() -> Result<std::shared_ptr<volume::Export>> {
    std::error_code ec;
    std::filesystem::create_directory(all, ec);
    BRIG_TRY(auto begun, volume::Export::begin(from, all / random_hex(8), described));
    return std::shared_ptr<volume::Export>(std::move(begun));
  };
  BRIG_CO_TRY(auto begun, co_await carrying_.run(std::move(work)));
  co_return std::make_unique<Carried>(std::move(begun), carrying_);
}

class Shelf::Arriving final : public Incoming {
 public:
  Arriving(Shelf& shelf, Caller caller, ImportSpec spec, std::shared_ptr<volume::Import> import)
      : shelf_(shelf), caller_(std::move(caller)), spec_(std::move(spec)), import_(std::move(import)) {}

  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    auto work = [import = import_, bytes = std::vector(bytes.begin(), bytes.end())] {
      return import->add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    };
    co_return co_await shelf_.carrying_.run(std::move(work));
  }

  net::Task<Result<VolumeView>> finish() override {
    auto end = [import = import_] { return import->finish(); };
    BRIG_CO_TRY(auto described, co_await shelf_.carrying_.run(std::move(end)));
    if (spec_.name.empty() && !described.provider.empty())
      co_return refuse(Code::invalid, "what is in the archive was configuration of " +
                                          quoted(described.provider) +
                                          ", which belongs to an account; give the volume a name");
    VolumeSpec spec{spec_.name.empty() ? described.name : spec_.name, described.bytes, spec_.mesh};
    if (described.bytes == 0) spec.size.reset();  // of an earlier Brig, without a bound
    auto fill = [import = import_](const std::filesystem::path& directory,
                                   const store::VolumeRow& row) -> Result<void> {
      return import->put_into_new(directory, row.bytes);
    };
    auto made = shelf_.make(caller_, std::move(spec), std::move(fill));
    co_return co_await to_the_end(shelf_.scope_, std::move(made));
  }

 private:
  Shelf& shelf_;
  Caller caller_;
  ImportSpec spec_;
  std::shared_ptr<volume::Import> import_;
};

net::Task<Result<std::unique_ptr<Incoming>>> Shelf::take_in(Caller caller, ImportSpec spec) {
  if (!spec.name.empty()) BRIG_CO_CHECK(check_name("name", spec.name));
  BRIG_CO_TRY(spec.mesh, mesh_for(caller, spec.mesh));
  auto work = [directory = carried(),
               most = options_.max_bytes]() -> Result<std::shared_ptr<volume::Import>> {
    std::error_code ec;
    std::filesystem::create_directory(directory, ec);
    BRIG_TRY(auto begun, volume::Import::begin(directory, most));
    return std::shared_ptr<volume::Import>(std::move(begun));
  };
  BRIG_CO_TRY(auto begun, co_await carrying_.run(std::move(work)));
  co_return std::make_unique<Arriving>(*this, std::move(caller), std::move(spec), std::move(begun));
}

net::Task<Result<VolumeView>> Shelf::clone(Caller caller, std::string ref, ImportSpec spec) {
  BRIG_CO_TRY(auto row, co_await present(caller, std::move(ref)));
  VolumeSpec wanted{std::move(spec.name), row.bytes, std::move(spec.mesh)};
  auto fill = [from = volumes_.directory_of(row.name)](const std::filesystem::path& directory,
                                                       const store::VolumeRow&) {
    return volume::copy_volume(from, directory);
  };
  auto made = make(std::move(caller), std::move(wanted), std::move(fill));
  co_return co_await to_the_end(scope_, std::move(made));
}

net::Task<Result<void>> Shelf::remove(Caller caller, std::string ref, Removal how) {
  BRIG_CO_TRY(auto row, co_await find(std::move(caller), std::move(ref)));
  if (row.pinned)
    co_return refuse(Code::conflict, called(row) + " is pinned; let it go with `brig volume unpin`");
  if (how == Removal::quarantine && !row.stage.empty())
    co_return refuse(Code::conflict,
                     called(row) + " is " + row.stage +
                         " already; remove it for good with `brig volume rm --no-quarantine`");
  auto work = remove_steps(std::move(row), how);
  co_return co_await to_the_end(scope_, std::move(work));
}

net::Task<Result<void>> Shelf::remove_steps(store::VolumeRow row, Removal how) {
  if (how == Removal::for_good) co_return co_await volumes_.remove(row.name);
  auto put = co_await quarantine_.put(row.name, nullptr);
  co_return put ? Result<void>() : Result<void>(put.error());
}

}  // namespace brig::session
