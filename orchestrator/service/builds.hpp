// From a source to an artefact: what is deployed is fetched and installed in a sandbox that reaches the
// registries it needs and nothing else, and what that left is hashed here.
//
// Ownership: borrows everything. Threads: the loop's. Failure: as Result; what an installer said is in it.
#pragma once

#include <memory>

#include "core/paths.hpp"
#include "core/unique_fd.hpp"
#include "image/images.hpp"
#include "image/named.hpp"
#include "net/worker.hpp"
#include "service/bundle.hpp"
#include "service/entry.hpp"
#include "service/tree.hpp"
#include "session/hosting.hpp"
#include "workspace/project.hpp"

namespace brig::service {

struct Product {
  std::unique_ptr<session::Built> built;  // its layer is whose it is once the ledger says so
  Tree tree;
  Entry entry;
};

class Builds {
 public:
  Builds(StatePaths paths, std::vector<workspace::Forbidden> forbidden, session::Hosting& hosting,
         image::Images& images, image::NamedImages& named, net::Worker& blocking)
      : paths_(std::move(paths)),
        forbidden_(std::move(forbidden)),
        hosting_(hosting),
        images_(images),
        named_(named),
        blocking_(blocking),
        bundles_(paths_, blocking) {}

  Bundles& bundles() { return bundles_; }

  // What a source needs beside what the spec says of it.
  struct Given {
    Secret key;    // what opens its repository or registry, if that needs one
    UniqueFd zip;  // for reading, if it is one
  };
  // `owner` as a caller on whose account it runs; `purpose`: "acme/files".
  net::Task<Result<Product>> make(session::Caller owner, std::string purpose, Spec spec, Given given,
                                  Progress progress);

  // What a server's image is started from, which the engine may have lost.
  net::Task<Result<bool>> has_image(ImageId id);
  net::Task<Result<void>> fetch_again(EntryImage image, ImageSource source, Secret key);

 private:
  // What was cloned or unpacked, in folder kFetched of a layer that the server's is made from.
  struct Fetched {
    std::unique_ptr<session::Built> built;
    std::string commit;  // empty: none
  };
  // What it is made for, and whether anything of a registry is to be installed.
  struct Look {
    Runtime runtime = Runtime::node;
    bool installs = true;
  };
  net::Task<Result<Look>> look_at(const Spec& spec, const Fetched& fetched);
  // What every sandbox for building is like.
  static session::HostSpec builder(const session::Caller& owner, std::string purpose,
                                   const std::string& provider);
  // Builds the image of `provider` if there is none.
  net::Task<Result<void>> image_of(std::string provider, Progress progress);
  // What its command reads as standard input.
  static Result<std::shared_ptr<const UniqueFd>> input_of(std::string_view text);
  Result<UniqueFd> open_built(const LayerId& layer, const char* folder) const;

  // fetch.cpp
  net::Task<Result<Fetched>> fetch(session::Caller owner, std::string purpose, RepositorySource git,
                                   Secret key, Progress progress);
  // skills.cpp: of what was fetched, or of a directory.
  net::Task<Result<Product>> make_skill(session::Caller owner, std::string purpose, Spec spec,
                                        Fetched fetched, Progress progress);
  // Copies what lies at $FROM to $FOLDER, and installs what $RUNTIME takes.
  static const char* const kCopyScript;

  // image_source.cpp
  net::Task<Result<image::Named>> find_image(ImageSource source, Secret key, Progress progress);
  net::Task<Result<Product>> make_image(session::Caller owner, std::string purpose, Spec spec, Secret key,
                                        Progress progress);

  // unpack.cpp
  net::Task<Result<Fetched>> unpack(session::Caller owner, std::string purpose, UniqueFd zip,
                                    Progress progress);

  StatePaths paths_;
  std::vector<workspace::Forbidden> forbidden_;
  session::Hosting& hosting_;
  image::Images& images_;
  image::NamedImages& named_;
  net::Worker& blocking_;
  Bundles bundles_;
};

}  // namespace brig::service
