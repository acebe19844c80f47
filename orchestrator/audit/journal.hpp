// Where is told what was done in a mesh; what most of the house sees of its audit.
//
// Metadata, never content: who did what to what, and whether it was let be. What must not be done without
// being written down waits for add(): it is in the ledger once that returns. What happens often, and is over
// when it is told, is note()d: that only queues, and costs who is being served nothing.
//
// Threads: the loop's. Failure: add() as Result; note() never fails.
#pragma once

#include <string>

#include "core/result.hpp"
#include "net/task.hpp"

namespace brig::audit {

struct Deed {
  std::string mesh;   // empty: of none, and so in no audit
  std::string event;  // words with dots, the general one first: "service.deployed"
  std::string actor;  // whose doing it is: "peer:acme:ana", "uid:0", "brigd"
  std::string payload = "{}";
};

class Journal {
 public:
  virtual ~Journal() = default;
  virtual net::Task<Result<void>> add(Deed deed) = 0;
  virtual void note(Deed deed) = 0;
};

// Of what only takes something away, which must not wait for an audit that cannot be written.
inline net::Task<void> add_or_note(Journal& journal, Deed deed) {
  auto added = co_await journal.add(deed);
  if (!added) journal.note(std::move(deed));
}

}  // namespace brig::audit
