// The ledger's config volumes, and which session has which.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct VolumeRow {
  std::string name;
  std::string owner;
  std::string mesh;      // empty: none
  std::string provider;  // empty: named by a hook
  std::string identity;
  WallTime created{};
  std::optional<WallTime> attached;  // last
  std::string attached_by;           // the id of that session
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
  net::Task<Result<std::vector<VolumeRow>>> list();                                  // by name
  net::Task<Result<std::vector<AttachmentRow>>> attachments(SessionId session);      // by place
  net::Task<Result<std::vector<AttachmentRow>>> attachments_of(std::string volume);  // of every session
  // Does a session other than `but` have it that has ended, but whose writing is not yet where it belongs?
  net::Task<Result<bool>> is_coming_back(std::string volume, SessionId but);
  // All of them or none, with the time of their volumes' last use.
  net::Task<Result<void>> attach(std::vector<AttachmentRow> rows, WallTime now);
  net::Task<Result<void>> detach(SessionId session, std::uint32_t place);

 private:
  Database& database_;
};

}  // namespace brig::store
