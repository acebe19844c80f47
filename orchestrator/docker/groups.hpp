// The parts an engine is made of; each group of endpoints has a file of its own.
//
// Ownership: all borrow the Transport. Threads: the loop's. Failure: as Result.
#pragma once

#include <memory>

#include "docker/containers.hpp"
#include "docker/images.hpp"
#include "docker/progress.hpp"
#include "docker/system.hpp"
#include "docker/transport.hpp"
#include "docker/volumes.hpp"

namespace brig::docker {

std::unique_ptr<Containers> make_containers(Transport& transport);
std::unique_ptr<Images> make_images(Transport& transport);
std::unique_ptr<Volumes> make_volumes(Transport& transport);
std::unique_ptr<System> make_system(Transport& transport);

// Parts of /containers.
net::Task<Result<std::unique_ptr<ExitWait>>> start_wait(Transport& transport, std::string ref, WaitFor what,
                                                        Deadline deadline);
net::Task<Result<Stats>> get_stats(Transport& transport, std::string ref, Deadline deadline);
net::Task<Result<std::unique_ptr<Stream<Stats>>>> open_stats(Transport& transport, std::string ref,
                                                             Deadline deadline);
net::Task<Result<std::unique_ptr<Stream<Chunk>>>> open_logs(Transport& transport, std::string ref,
                                                            LogOptions options, Deadline deadline);
net::Task<Result<std::unique_ptr<Attachment>>> open_attachment(Transport& transport, std::string ref,
                                                               AttachOptions options, Deadline deadline);
net::Task<Result<PathStat>> stat_archive(Transport& transport, std::string ref, std::string path,
                                         Deadline deadline);
net::Task<Result<PathStat>> get_archive(Transport& transport, std::string ref, std::string path, Sink& sink,
                                        Deadline deadline);
net::Task<Result<void>> put_archive(Transport& transport, std::string ref, std::string path, Source& tar,
                                    Deadline deadline);
// Whether the container has a terminal: then its output is not in frames. Newer engines say so in the
// answer's content type; older ones must be asked.
net::Task<Result<bool>> asks_for_frames(Transport& transport, std::string ref, std::string_view content_type,
                                        Deadline deadline);

// Parts of /images.
net::Task<Result<ImageId>> run_build(Transport& transport, BuildOptions options, Source& tar,
                                     ProgressSink progress, Deadline deadline);
// An upload's answer, as the progress it is.
class ProgressBody final : public Sink {
 public:
  explicit ProgressBody(ProgressReader& reader) : reader_(reader) {}
  net::Task<Result<void>> write(std::span<const std::byte> bytes) override;

 private:
  ProgressReader& reader_;
};
std::string encode_auth(const RegistryAuth& auth);  // a header's value: secret

// Part of /system.
net::Task<Result<std::unique_ptr<Stream<Event>>>> open_events(Transport& transport, EventFilter filter,
                                                              Deadline opening);

}  // namespace brig::docker
