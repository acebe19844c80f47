// The configuration, as the parts of the service want it.
//
// Threads: any. Failure: as Result; what is only a pity is logged.
#pragma once

#include <sys/types.h>

#include "api/server.hpp"
#include "config/config.hpp"
#include "docker/endpoint.hpp"
#include "egress/doors.hpp"
#include "prune/prunes.hpp"
#include "service/meshes.hpp"
#include "session/quota.hpp"
#include "workspace/project.hpp"

namespace brig::daemon {

// None if there is no such group, or none is wanted.
Result<std::optional<gid_t>> group_id(const std::string& name);
Result<docker::Endpoint> endpoint_of(const config::Config::Engine& engine);
std::vector<std::string> engine_sockets(const docker::Endpoint& endpoint);
// What can be no project.
std::vector<workspace::Forbidden> forbidden_places(const config::Config& config,
                                                   const std::vector<std::string>& sockets);
session::Quotas::Options quotas_of(const config::Config::Quotas& quotas);
std::vector<prune::Standing> standing_prunes(const std::vector<config::Config::Prune>& rules);
service::Meshes meshes_of(const config::Config::Meshes& meshes);
// None where nothing is to listen.
Result<std::optional<api::TcpListener>> tcp_listener(const config::Config::Tcp& config,
                                                     std::filesystem::path tls_dir);
std::optional<egress::Upstream> upstream_proxy();
egress::Limits egress_limits(const config::Config& config);
// What sandboxes with an authority of their own trust beside it: what they would trust anyway. Without a
// bundle of ours that is what their images have, and the distribution's stands for it.
Result<std::string> trust_of_credentials(const std::string& bundle, const std::filesystem::path& stock);

}  // namespace brig::daemon
