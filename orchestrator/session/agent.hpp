// A session's agent at the endpoint of its mesh: who it is there, and how its CLI comes to know of it.
//
// It is who started the session was in that mesh, that peer with its groups and role, or nobody in
// particular; of this host it is no admin, whoever that was. Which of a mesh's services that is good for is
// asked at each call, as it is then.
//
// Threads: any. Failure: as Result; text that does not read back is `corrupt`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "image/provider.hpp"
#include "session/sessions.hpp"
#include "store/rows.hpp"

namespace brig::session {

inline constexpr std::string_view kMeshUrl = "http://mesh.brig.internal/mcp";
inline constexpr std::string_view kMeshFile =
    "/run/brig/mcp.json";                                 // what the provider says of it, if anything
inline constexpr const char* kMeshFileName = "mcp.json";  // in the link directory

inline constexpr const char* kDirect =
    "localhost,127.0.0.1,::1";  // what no proxy is asked for, in every session

// For the ledger. `mesh`: that of the session, which is the starter's own or none of theirs.
std::string agent_to_json(const Caller& starter, const std::string& mesh);
// As it comes to the endpoint; only of a session that has one.
Result<Caller> agent_of(const store::SessionRow& row);

// What a provider declares, with the places filled in.
std::vector<std::string> mesh_args(const image::Provider& provider);
std::string mesh_file(const image::Provider& provider);
// Adds what every process of the session gets.
void add_mesh_env(const image::Provider& provider, std::map<std::string, std::string>& env);
// A command line that was made for a session with a mesh, for one without.
void drop_mesh_args(const image::Provider& provider, std::vector<std::string>& argv);

}  // namespace brig::session
