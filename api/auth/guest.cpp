#include "api/auth/guest.hpp"

#include "api/auth/origin.hpp"
#include "egress/egress.hpp"

namespace brig::api {

std::optional<Failure> check_guest(const Head& head) {
  static const HostRule rule(std::string(egress::kMeshHost), {}, {});
  return rule.check(head);
}

std::optional<Failure> lead_guest(const std::string& mesh, std::vector<std::string>& segments) {
  if (segments != std::vector<std::string>{"mcp"})
    return Failure{
        Error{Code::not_found, "there is nothing but /mcp here, the services of this session's mesh",
              "api: mesh", false},
        404,
        {},
        {}};
  segments = {"v1", "meshes", mesh, "mcp"};
  return std::nullopt;
}

}  // namespace brig::api
