// The ledger's volumes, for those who may see them, within the bounds of what each owner may have.
//
// Ownership: borrows everything. Threads: the loop's. Failure: as session/volumes.hpp says; what would go
// beyond a bound is `exhausted`, and names it.
#pragma once

#include <functional>

#include "net/scope.hpp"
#include "net/worker.hpp"
#include "session/quota.hpp"
#include "session/volumes.hpp"
#include "store/sessions.hpp"
#include "volume/quarantine.hpp"
#include "volume/volumes.hpp"
#include "volume/whole.hpp"

namespace brig::session {

struct ShelfOptions {
  std::uint64_t max_bytes = 0;  // of one volume
  std::uint64_t per_owner = 0;  // how many one owner may make
  Quotas::Options quotas;       // `disk`: what the bounds of those an owner made may come to
  std::function<bool(const std::string& provider)> knows_provider;
  Millis retention{};                   // in quarantine
  net::asio::any_io_executor executor;  // the loop's
  volume::Quarantine* quarantine = nullptr;
};

class Shelf final : public Volumes {
 public:
  Shelf(ShelfOptions options, volume::Volumes& volumes, store::SessionTable& sessions, const Clock& clock,
        net::Worker& blocking)
      : options_(std::move(options)),
        volumes_(volumes),
        quarantine_(*options_.quarantine),
        sessions_(sessions),
        clock_(clock),
        blocking_(blocking),
        scope_(options_.executor, "volumes") {}
  // What was begun for somebody is given up; the next start takes it back.
  net::Task<void> close() { return scope_.close(); }

  net::Task<Result<std::vector<VolumeView>>> list(Caller caller, VolumeFilter filter,
                                                  VolumeOrder order) override;
  net::Task<Result<std::vector<ForeignVolume>>> foreign(Caller caller) override;
  net::Task<Result<VolumeView>> get(Caller caller, std::string ref) override;
  net::Task<Result<VolumeView>> restore(Caller caller, std::string ref) override;
  net::Task<Result<VolumeView>> create(Caller caller, VolumeSpec spec) override;
  net::Task<Result<VolumeView>> pin(Caller caller, std::string ref, bool pinned) override;
  net::Task<Result<std::unique_ptr<Outgoing>>> carry_out(Caller caller, std::string ref) override;
  net::Task<Result<std::unique_ptr<Incoming>>> take_in(Caller caller, ImportSpec spec) override;
  net::Task<Result<VolumeView>> clone(Caller caller, std::string ref, ImportSpec spec) override;
  net::Task<Result<void>> remove(Caller caller, std::string ref, Removal how) override;

 private:
  class Carried;
  class Arriving;
  net::Task<Result<VolumeView>> make(Caller caller, VolumeSpec spec, volume::Fill fill);
  net::Task<Result<store::VolumeRow>> present(Caller caller, std::string ref);
  std::filesystem::path carried() const;
  net::Task<Result<void>> remove_steps(store::VolumeRow row, Removal how);
  net::Task<Result<store::VolumeRow>> find(Caller caller, std::string ref);
  VolumeView view_of(const store::VolumeRow& row) const;
  net::Task<Result<std::vector<VolumeView>>> view(std::vector<store::VolumeRow> rows);
  Result<void> check_room(const std::string& owner, std::uint64_t bytes,
                          const std::vector<store::VolumeRow>& rows) const;

  ShelfOptions options_;
  volume::Volumes& volumes_;
  volume::Quarantine& quarantine_;
  store::SessionTable& sessions_;
  const Clock& clock_;
  net::Worker& blocking_;
  net::Worker carrying_{2};  // so that a large volume does not keep a session from starting
  net::Scope scope_;
};

}  // namespace brig::session
