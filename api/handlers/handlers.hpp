// The handlers, one file for each kind of thing; http/router.hpp says what they are given.
//
// Threads: the loop's. Failure: as a problem document in the Response.
#pragma once

#include "api/http/router.hpp"

namespace brig::api {

// A body that may hold keys, once it is read.
void wipe(std::string& text);

net::Task<Response> get_health(Context* context, Request* request);
net::Task<Response> get_ready(Context* context, Request* request);
net::Task<Response> get_metrics(Context* context, Request* request);
net::Task<Response> get_openapi(Context* context, Request* request);
net::Task<Response> get_version(Context* context, Request* request);
net::Task<Response> get_doctor(Context* context, Request* request);

// Why nothing was started; after `rate_limited` with when to come again.
Response refused_start(Context* context, const Request* request, const Error& error);

net::Task<Response> list_sessions(Context* context, Request* request);
net::Task<Response> create_session(Context* context, Request* request);
net::Task<Response> get_stats(Context* context, Request* request);
net::Task<Response> get_session(Context* context, Request* request);
net::Task<Response> remove_session(Context* context, Request* request);
net::Task<Response> stop_session(Context* context, Request* request);
net::Task<Response> pause_session(Context* context, Request* request);
net::Task<Response> resume_session(Context* context, Request* request);

net::Task<Response> list_checkpoints(Context* context, Request* request);
net::Task<Response> make_checkpoint(Context* context, Request* request);
net::Task<Response> remove_checkpoint(Context* context, Request* request);
net::Task<Response> restore_session(Context* context, Request* request);
net::Task<Response> fork_session(Context* context, Request* request);
net::Task<Response> discard_session(Context* context, Request* request);

net::Task<Response> ask_one_shot(Context* context, Request* request);

net::Task<Response> exec_process(Context* context, Request* request);
net::Task<Response> signal_process(Context* context, Request* request);
net::Task<Response> attach_process(Context* context, Request* request);
net::Task<Response> get_logs(Context* context, Request* request);

net::Task<Response> get_egress(Context* context, Request* request);
net::Task<Response> change_egress(Context* context, Request* request);
net::Task<Response> forget_egress(Context* context, Request* request);
net::Task<Response> answer_egress(Context* context, Request* request);
net::Task<Response> test_egress(Context* context, Request* request);
net::Task<Response> get_egress_log(Context* context, Request* request);

net::Task<Response> get_events(Context* context, Request* request);
net::Task<Response> list_changes(Context* context, Request* request);
net::Task<Response> get_patch(Context* context, Request* request);
net::Task<Response> get_files(Context* context, Request* request);
net::Task<Response> put_files(Context* context, Request* request);
net::Task<Response> forward_port(Context* context, Request* request);
net::Task<Response> make_preview(Context* context, Request* request);
net::Task<Response> list_previews(Context* context, Request* request);
net::Task<Response> remove_preview(Context* context, Request* request);
net::Task<Response> apply_changes(Context* context, Request* request);
net::Task<Response> undo_changes(Context* context, Request* request);

net::Task<Response> list_providers(Context* context, Request* request);
net::Task<Response> get_provider(Context* context, Request* request);
net::Task<Response> put_provider(Context* context, Request* request);
net::Task<Response> remove_provider(Context* context, Request* request);
net::Task<Response> list_identities(Context* context, Request* request);
net::Task<Response> create_identity(Context* context, Request* request);
net::Task<Response> update_identity(Context* context, Request* request);
net::Task<Response> remove_identity(Context* context, Request* request);
net::Task<Response> probe_identity(Context* context, Request* request);

net::Task<Response> list_volumes(Context* context, Request* request);
net::Task<Response> create_volume(Context* context, Request* request);
net::Task<Response> get_volume(Context* context, Request* request);
net::Task<Response> remove_volume(Context* context, Request* request);
net::Task<Response> export_volume(Context* context, Request* request);
net::Task<Response> import_volume(Context* context, Request* request);
net::Task<Response> clone_volume(Context* context, Request* request);
net::Task<Response> restore_volume(Context* context, Request* request);
net::Task<Response> pin_volume(Context* context, Request* request);
net::Task<Response> unpin_volume(Context* context, Request* request);

net::Task<Response> get_footprint(Context* context, Request* request);
net::Task<Response> plan_gc(Context* context, Request* request);
net::Task<Response> execute_gc(Context* context, Request* request);
net::Task<Response> list_prune_rules(Context* context, Request* request);
net::Task<Response> plan_prune(Context* context, Request* request);
net::Task<Response> execute_prune(Context* context, Request* request);

net::Task<Response> list_images(Context* context, Request* request);
net::Task<Response> list_outdated(Context* context, Request* request);
net::Task<Response> build_image(Context* context, Request* request);
net::Task<Response> remove_image(Context* context, Request* request);

net::Task<Response> list_profiles(Context* context, Request* request);
net::Task<Response> explain_policy(Context* context, Request* request);

net::Task<Response> list_vault(Context* context, Request* request);
net::Task<Response> set_vault(Context* context, Request* request);
net::Task<Response> remove_vault(Context* context, Request* request);

net::Task<Response> post_mcp(Context* context, Request* request);
net::Task<Response> listen_mcp(Context* context, Request* request);
net::Task<Response> end_mcp(Context* context, Request* request);

net::Task<Response> list_audit(Context* context, Request* request);
net::Task<Response> verify_audit(Context* context, Request* request);
net::Task<Response> export_audit(Context* context, Request* request);

net::Task<Response> list_permissions(Context* context, Request* request);
net::Task<Response> put_permissions(Context* context, Request* request);

net::Task<Response> get_tool_gate(Context* context, Request* request);
net::Task<Response> put_tool_gate(Context* context, Request* request);
net::Task<Response> approve_tools(Context* context, Request* request);

net::Task<Response> list_services(Context* context, Request* request);
net::Task<Response> upload_bundle(Context* context, Request* request);
net::Task<Response> deploy_service(Context* context, Request* request);
net::Task<Response> get_service(Context* context, Request* request);
net::Task<Response> get_scope(Context* context, Request* request);
net::Task<Response> put_scope(Context* context, Request* request);
net::Task<Response> remove_service(Context* context, Request* request);
net::Task<Response> update_service(Context* context, Request* request);
net::Task<Response> rollback_service(Context* context, Request* request);
net::Task<Response> restart_service(Context* context, Request* request);
net::Task<Response> stop_service(Context* context, Request* request);
net::Task<Response> pause_service(Context* context, Request* request);
net::Task<Response> list_tools(Context* context, Request* request);
net::Task<Response> call_tool(Context* context, Request* request);
net::Task<Response> list_skill_files(Context* context, Request* request);
net::Task<Response> get_skill_file(Context* context, Request* request);
net::Task<Response> get_service_logs(Context* context, Request* request);

net::Task<Response> list_tokens(Context* context, Request* request);
net::Task<Response> create_token(Context* context, Request* request);
net::Task<Response> revoke_token(Context* context, Request* request);

}  // namespace brig::api
