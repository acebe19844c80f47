// The ledger's services (MCP servers deployed into meshes) and the artefacts that they run.
//
// An artefact is a frozen layer of workspaces under the hash of what is in it: equal ones are one. It is
// there from the commit in which a service begins to use it, until the commit in which the last one stops;
// reconciling drops layers that nothing refers to.
//
// What a service has run is kept as its versions, the newest few. One that was built and has not run yet is
// kept, too, so that its layer is somebody's; it is nobody's choice until it has taken over.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <optional>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct ServiceRow {
  std::string mesh;
  std::string name;  // unique in its mesh
  std::string owner;
  std::string spec_json;           // where it comes from and what it gets; no value of a variable
  std::vector<unsigned char> env;  // its variables, sealed
  std::string wanted;              // "running", "stopped", "removed"
  std::string state;               // as it was last; service::State as text
  std::string reason;
  std::string artefact;           // its hash; empty: nothing was built yet
  std::string built_json = "{}";  // what the build found: version, command
  SessionId session;              // its sandbox; empty: it has none
  std::string server_json;        // what it answered to `initialize` in that sandbox
  WallTime created{};
  WallTime updated{};
  std::string scope = "\"peer\"";  // who may see and call it, as JSON
  std::uint64_t version = 0;       // the number of what `artefact` and the like are of; 0: none
};

// What a service ran, or is to run.
struct VersionRow {
  std::uint64_t number = 0;  // grows by one, from 1
  std::string spec_json;
  std::vector<unsigned char> env;  // sealed
  std::string artefact;
  std::string built_json = "{}";
  WallTime made{};
  bool ran = false;
};

struct ArtefactRow {
  std::string hash;
  LayerId layer;
  std::uint64_t bytes = 0;
  WallTime created{};
};

class ServiceTable {
 public:
  explicit ServiceTable(Database& database) : database_(database) {}

  // `conflict` if the mesh has one of that name.
  net::Task<Result<void>> insert(ServiceRow row);
  // As it is now, but for its scope; `not_found` if it is gone.
  net::Task<Result<void>> update(ServiceRow row);
  net::Task<Result<void>> set_scope(std::string mesh, std::string name, std::string scope);
  // As update(), of a version that is kept: from now on it has run. The oldest that have go, but for `most`.
  net::Task<Result<void>> take_over(ServiceRow row, std::size_t most);
  // A version that has not run yet; its number is given back. What was built for it becomes an artefact
  // unless there is an equal one: then the builder's layer is no longer the builder's, which gets `fresh`
  // instead.
  net::Task<Result<std::uint64_t>> keep(std::string mesh, std::string name, VersionRow version,
                                        ArtefactRow built, SessionId builder, LayerId fresh);
  // Of every service, those that never ran.
  net::Task<Result<void>> forget_untried();
  // Likewise this one's.
  net::Task<Result<void>> forget_untried(std::string mesh, std::string name);
  // Oldest first.
  net::Task<Result<std::vector<VersionRow>>> versions(std::string mesh, std::string name);
  net::Task<Result<std::optional<ServiceRow>>> find(std::string mesh, std::string name);
  net::Task<Result<std::vector<ServiceRow>>> list();  // by mesh and name
  // With its versions, and the artefacts that nobody else uses.
  net::Task<Result<void>> remove(std::string mesh, std::string name);

  net::Task<Result<std::optional<ArtefactRow>>> artefact(std::string hash);
  net::Task<Result<std::vector<ArtefactRow>>> artefacts();

 private:
  Database& database_;
};

}  // namespace brig::store
