// The ledger's volumes, of configuration and shared ones, and which session has which.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct VolumeRow {
  std::string name;  // the engine's
  std::string owner;
  std::string mesh;      // empty: none
  std::string provider;  // empty: it is no provider's configuration
  std::string identity;
  std::string label;        // what its owner calls it, if he made it; empty: he did not
  std::uint64_t bytes = 0;  // its bound; 0: there is none
  WallTime created{};
  std::optional<WallTime> attached;  // last
  std::string attached_by;           // the id of that session
  bool removing = false;
};

// A volume in a session's sandbox, until what it wrote is where it belongs.
struct AttachmentRow {
  SessionId session;
  std::uint32_t place = 0;  // in the order of mounts
  std::string volume;
  std::string target;   // inside
  std::string sharing;  // image::Sharing as text
  bool writable = false;
  std::string state_json = "{}";  // what detaching has to know
};

class VolumeTable {
 public:
  explicit VolumeTable(Database& database) : database_(database) {}

  // The volume under this name, which is `row` if there was none. Another owner's is `denied`, by name.
  net::Task<Result<VolumeRow>> claim(VolumeRow row);
  // `row`, unless its owner has one of this label: `conflict`.
  net::Task<Result<void>> create(VolumeRow row);
  net::Task<Result<VolumeRow>> get(std::string name);
  // Those that are being removed, too.
  net::Task<Result<std::vector<VolumeRow>>> list();  // by name
  // From here on nobody gets it any more. `conflict` if a session has it.
  net::Task<Result<void>> begin_removal(std::string name);
  net::Task<Result<void>> end_removal(std::string name, bool gone);                  // else it is there again
  net::Task<Result<std::vector<AttachmentRow>>> attachments(SessionId session);      // by place
  net::Task<Result<std::vector<AttachmentRow>>> attachments_of(std::string volume);  // of every session
  net::Task<Result<std::vector<AttachmentRow>>> all_attachments();
  // Does a session other than `but` have it that has ended, but whose writing is not yet where it belongs?
  net::Task<Result<bool>> is_coming_back(std::string volume, SessionId but);
  // All of them or none, with the time of their volumes' last use.
  net::Task<Result<void>> attach(std::vector<AttachmentRow> rows, WallTime now);
  net::Task<Result<void>> detach(SessionId session, std::uint32_t place);

 private:
  Database& database_;
};

}  // namespace brig::store
