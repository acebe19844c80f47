#include "api/handlers/handlers.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kNone = 0;
constexpr std::size_t kSmall = 4 * 1024;
constexpr std::size_t kValue = 128 * 1024;  // 16 KiB, however it is escaped

// In the order of openapi.yaml; a test compares the two.
constexpr Route kRoutes[] = {
    {"GET", "/healthz", Access::none, kNone, "", get_health},
    {"GET", "/readyz", Access::none, kNone, "", get_ready},
    {"GET", "/metrics", Access::viewer, kNone, "", get_metrics},
    {"GET", "/v1/openapi.yaml", Access::none, kNone, "", get_openapi},
    {"GET", "/v1/version", Access::viewer, kNone, "", get_version},
    {"GET", "/v1/doctor", Access::user, kNone, "", get_doctor},
    {"GET", "/v1/sessions", Access::viewer, kNone, "all label provider owner mesh state", list_sessions},
    {"POST", "/v1/sessions", Access::user, kDefaultBody, "", create_session},
    {"GET", "/v1/stats", Access::viewer, kNone, "label provider owner mesh state", get_stats},
    {"POST", "/v1/oneshot", Access::user, kDefaultBody, "format", ask_one_shot},
    {"GET", "/v1/sessions/{ref}", Access::viewer, kNone, "", get_session},
    {"DELETE", "/v1/sessions/{ref}", Access::user, kNone, "force", remove_session},
    {"POST", "/v1/sessions/{ref}/stop", Access::user, kSmall, "", stop_session},
    {"GET", "/v1/sessions/{ref}/checkpoints", Access::viewer, kNone, "", list_checkpoints},
    {"POST", "/v1/sessions/{ref}/checkpoints", Access::user, kSmall, "", make_checkpoint},
    {"DELETE", "/v1/sessions/{ref}/checkpoints/{name}", Access::user, kNone, "", remove_checkpoint},
    {"POST", "/v1/sessions/{ref}/restore", Access::user, kDefaultBody, "", restore_session},
    {"POST", "/v1/sessions/{ref}/fork", Access::user, kDefaultBody, "", fork_session},
    {"POST", "/v1/sessions/{ref}/discard", Access::user, kNone, "", discard_session},
    {"POST", "/v1/sessions/{ref}/pause", Access::user, kNone, "", pause_session},
    {"POST", "/v1/sessions/{ref}/resume", Access::user, kNone, "", resume_session},
    {"POST", "/v1/sessions/{ref}/exec", Access::user, kDefaultBody, "", exec_process},
    {"POST", "/v1/sessions/{ref}/processes/{number}/signal", Access::user, kSmall, "", signal_process},
    {"GET", "/v1/sessions/{ref}/processes/{number}/attach", Access::viewer, kNone,
     "from write watch take_over key pace", attach_process},
    {"GET", "/v1/sessions/{ref}/logs", Access::viewer, kNone, "process follow from format", get_logs},
    {"GET", "/v1/sessions/{ref}/egress", Access::viewer, kNone, "", get_egress},
    {"POST", "/v1/sessions/{ref}/egress/rules", Access::user, kSmall, "", change_egress},
    {"DELETE", "/v1/sessions/{ref}/egress/rules", Access::user, kNone, "rule", forget_egress},
    {"POST", "/v1/sessions/{ref}/egress/answer", Access::user, kSmall, "", answer_egress},
    {"GET", "/v1/sessions/{ref}/egress/test", Access::user, kNone, "target", test_egress},
    {"GET", "/v1/sessions/{ref}/egress/log", Access::viewer, kNone, "follow last", get_egress_log},
    {"GET", "/v1/events", Access::viewer, kNone, "since session kind mesh owner once", get_events},
    {"GET", "/v1/sessions/{ref}/changes", Access::viewer, kNone, "path lines", list_changes},
    {"GET", "/v1/sessions/{ref}/changes/patch", Access::viewer, kNone, "path", get_patch},
    {"GET", "/v1/sessions/{ref}/files", Access::user, kNone, "path raw", get_files},
    {"PUT", "/v1/sessions/{ref}/files", Access::user, kStreamedBody, "path raw top mode", put_files},
    {"GET", "/v1/sessions/{ref}/ports/{port}", Access::user, kNone, "", forward_port},
    {"POST", "/v1/sessions/{ref}/previews", Access::user, kSmall, "", make_preview},
    {"GET", "/v1/previews", Access::viewer, kNone, "", list_previews},
    {"DELETE", "/v1/previews/{preview}", Access::user, kNone, "", remove_preview},
    {"POST", "/v1/sessions/{ref}/apply", Access::user, kDefaultBody, "", apply_changes},
    {"POST", "/v1/sessions/{ref}/undo", Access::user, kDefaultBody, "", undo_changes},
    {"GET", "/v1/providers", Access::viewer, kNone, "", list_providers},
    {"GET", "/v1/providers/{provider}", Access::viewer, kNone, "", get_provider},
    {"PUT", "/v1/providers/{provider}", Access::admin, kDefaultBody, "", put_provider},
    {"DELETE", "/v1/providers/{provider}", Access::admin, kNone, "", remove_provider},
    {"GET", "/v1/providers/{provider}/identities", Access::user, kNone, "", list_identities},
    {"POST", "/v1/providers/{provider}/identities", Access::user, kSmall, "", create_identity},
    {"PATCH", "/v1/providers/{provider}/identities/{id}", Access::user, kSmall, "", update_identity},
    {"DELETE", "/v1/providers/{provider}/identities/{id}", Access::user, kNone, "", remove_identity},
    {"GET", "/v1/providers/{provider}/identities/{id}/probe", Access::user, kNone, "", probe_identity},
    {"GET", "/v1/volumes", Access::viewer, kNone,
     "mesh provider identity kind owner unused_for larger orphan quarantined sort foreign", list_volumes},
    {"POST", "/v1/volumes", Access::user, kSmall, "", create_volume},
    {"GET", "/v1/volumes/{volume}", Access::viewer, kNone, "", get_volume},
    {"DELETE", "/v1/volumes/{volume}", Access::user, kNone, "", remove_volume},
    {"POST", "/v1/volumes/{volume}/restore", Access::user, kNone, "", restore_volume},
    {"POST", "/v1/volumes/{volume}/pin", Access::user, kNone, "", pin_volume},
    {"DELETE", "/v1/volumes/{volume}/pin", Access::user, kNone, "", unpin_volume},
    {"POST", "/v1/prune/plan", Access::user, kSmall, "", plan_prune},
    {"POST", "/v1/prune", Access::user, kDefaultBody, "", execute_prune},
    {"GET", "/v1/images", Access::viewer, kNone, "", list_images},
    {"GET", "/v1/images/outdated", Access::user, kNone, "", list_outdated},
    {"DELETE", "/v1/images/{name}", Access::user, kNone, "", remove_image},
    {"POST", "/v1/images/{name}/build", Access::user, kSmall, "", build_image},
    {"GET", "/v1/profiles", Access::viewer, kNone, "", list_profiles},
    {"POST", "/v1/policy/explain", Access::viewer, kDefaultBody, "", explain_policy},
    {"GET", "/v1/vault", Access::user, kNone, "mesh", list_vault},
    {"PUT", "/v1/vault/{name}", Access::user, kValue, "mesh", set_vault},
    {"DELETE", "/v1/vault/{name}", Access::user, kNone, "force mesh", remove_vault},
    {"GET", "/v1/meshes/{mesh}/services", Access::viewer, kNone, "", list_services},
    {"POST", "/v1/meshes/{mesh}/services", Access::user, kDefaultBody, "", deploy_service},
    {"GET", "/v1/meshes/{mesh}/services/{name}", Access::viewer, kNone, "", get_service},
    {"DELETE", "/v1/meshes/{mesh}/services/{name}", Access::user, kNone, "", remove_service},
    {"POST", "/v1/meshes/{mesh}/services/{name}/update", Access::user, kNone, "", update_service},
    {"POST", "/v1/meshes/{mesh}/services/{name}/restart", Access::user, kNone, "", restart_service},
    {"POST", "/v1/meshes/{mesh}/services/{name}/stop", Access::user, kNone, "", stop_service},
    {"GET", "/v1/meshes/{mesh}/services/{name}/tools", Access::viewer, kNone, "", list_tools},
    {"POST", "/v1/meshes/{mesh}/services/{name}/call", Access::user, kDefaultBody, "", call_tool},
    {"GET", "/v1/meshes/{mesh}/services/{name}/logs", Access::viewer, kNone, "last", get_service_logs},
    {"GET", "/v1/tokens", Access::admin, kNone, "", list_tokens},
    {"POST", "/v1/tokens", Access::admin, kSmall, "", create_token},
    {"DELETE", "/v1/tokens/{id}", Access::admin, kNone, "", revoke_token},
};

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

}  // namespace brig::api
