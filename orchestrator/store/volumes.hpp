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
  bool pinned = false;                  // no prune takes it
  std::string stage = {};               // one of store::stage
  std::optional<WallTime> staged = {};  // since when
  std::uint64_t archive_bytes = 0;      // what its archive takes
  std::string identity_label = {};  // read only: what that identity is called; empty: there is none any more
};

// Where a volume is on its way into the quarantine and out of it. All but `present` come with `removing`.
//
//   present ──► archiving ──► archived ──► quarantined ──► restoring ──► present
//      ▲ the image   │        the archive is whole, the image goes          │ the image is made again
//      └─────────────┘ given up                    ▲────────────────────────┘ it could not be
namespace stage {
inline constexpr const char* kPresent = "";
inline constexpr const char* kArchiving = "archiving";
inline constexpr const char* kArchived = "archived";
inline constexpr const char* kQuarantined = "quarantined";
inline constexpr const char* kRestoring = "restoring";
}  // namespace stage

// A session that had a volume.
struct VolumeUse {
  SessionId session;
  std::string name;
  WallTime at{};  // when it got it
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
  // From here on nobody gets it any more. `conflict` if a session has it or is being made with it, for a
  // prune also if it is pinned. `archived`: into stage::kArchiving, pruned. One in quarantine goes for good.
  enum class Removal { asked, pruned, archived };
  net::Task<Result<void>> begin_removal(std::string name, Removal how = Removal::asked, WallTime now = {});
  // From one stage to another; `conflict` if it is not in `from`.
  net::Task<Result<void>> move(std::string name, std::string from, std::string to, WallTime now,
                               std::uint64_t archive_bytes = 0);
  net::Task<Result<void>> end_removal(std::string name, bool gone);                  // else it is there again
  net::Task<Result<std::vector<AttachmentRow>>> attachments(SessionId session);      // by place
  net::Task<Result<std::vector<AttachmentRow>>> attachments_of(std::string volume);  // of every session
  net::Task<Result<std::vector<AttachmentRow>>> all_attachments();
  net::Task<Result<VolumeRow>> pin(std::string name, bool pinned);
  net::Task<Result<std::vector<VolumeUse>>> uses(std::string name);  // the last few, the newest first
  // For one that is there although this ledger does not know of it; nothing if it does, or if its owner has
  // another of its label. Whether it is known now.
  net::Task<Result<bool>> adopt(VolumeRow row);
  // Does a session other than `but` have it that has ended, but whose writing is not yet where it belongs?
  net::Task<Result<bool>> is_coming_back(std::string volume, SessionId but);
  // All of them or none, with the time of their volumes' last use.
  net::Task<Result<void>> attach(std::vector<AttachmentRow> rows, WallTime now);
  net::Task<Result<void>> detach(SessionId session, std::uint32_t place);

 private:
  Database& database_;
};

}  // namespace brig::store
