#include "api/json/encode.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"
#include "session/member.hpp"

namespace brig::api {

using nlohmann::json;

json encode(const session::Outcome& outcome) {
  using Kind = session::Outcome::Kind;
  json out{{"kind", session::to_string(outcome.kind)},
           {"exit_code", std::clamp(outcome.exit_code(), 0, 255)}};
  if (outcome.kind == Kind::exited || outcome.kind == Kind::spawn_failed) out["code"] = outcome.code;
  if (outcome.signal > 0) out["signal"] = outcome.signal;
  if (!outcome.detail.empty()) out["detail"] = printable(outcome.detail, 1024);
  if (!outcome.limits.empty()) out["limits"] = outcome.limits;
  return out;
}

json encode(const session::ProcessView& process) {
  json out{{"number", process.number},
           {"argv", process.argv},
           {"terminal", process.terminal},
           {"started", format_time(process.started)},
           {"output_begin", process.output_begin},
           {"output_end", process.output_end}};
  if (process.ended) out["ended"] = format_time(*process.ended);
  if (process.outcome) out["outcome"] = encode(*process.outcome);
  return out;
}

namespace {

json encode_credentials(const std::vector<egress::Credential>& credentials) {
  auto out = json::array();
  for (const auto& one : credentials) out.push_back(egress::to_json(one));
  return out;
}

}  // namespace

json encode(const session::View& session) {
  json out{{"id", session.id.str()},
           {"name", session.name},
           {"owner", session.owner},
           {"state", session::to_string(session.state)},
           {"reason", session.reason},
           {"provider", session.provider},
           {"image", session.image},
           {"profile", session.profile},
           {"runtime", session.runtime},
           {"policy_hash", session.policy_hash},
           {"labels", json::object()},
           {"created", format_time(session.created)},
           {"processes", encode_all(session.processes)}};
  for (const auto& [key, value] : session.labels) out["labels"][key] = value;
  if (!session.mesh.empty()) out["mesh"] = session.mesh;
  if (!session.source.empty()) out["source"] = session.source;
  if (!session.credentials.empty()) out["credentials"] = encode_credentials(session.credentials);
  if (session.project) out["project"] = *session.project;
  if (!session.identity.empty()) {
    out["identity"] = session.identity;
    out["identity_id"] = session.identity_id;
  }
  if (!session.container.empty()) out["container"] = session.container;
  for (const auto& mount : session.volumes)
    out["volumes"].push_back(
        {{"volume", mount.volume}, {"path", mount.path}, {"read_only", mount.read_only}});
  if (session.started) out["started"] = format_time(*session.started);
  if (session.ended) out["ended"] = format_time(*session.ended);
  if (session.outcome) out["outcome"] = encode(*session.outcome);
  if (session.expires) out["expires"] = format_time(*session.expires);
  if (session.idle) out["idle_ms"] = session.idle->count();
  return out;
}

json encode(const events::Record& event) {
  json out{{"number", event.number},
           {"at", format_time(event.at)},
           {"kind", event.kind},
           {"owner", event.owner},
           {"detail", json::parse(event.detail_json, nullptr, false)}};
  if (!event.session.empty()) out["session"] = event.session;
  if (!event.mesh.empty()) out["mesh"] = event.mesh;
  if (!out["detail"].is_object()) out["detail"] = json::object();
  return out;
}

json encode(const session::CheckpointView& checkpoint) {
  return {{"name", checkpoint.name},
          {"created", format_time(checkpoint.created)},
          {"bytes", checkpoint.bytes},
          {"layers", checkpoint.layers}};
}

json encode(const session::VolumeView& volume) {
  json out{{"name", volume.name},
           {"kind", session::kind_of(volume)},
           {"engine_name", volume.engine},
           {"owner", volume.owner},
           {"created", format_time(volume.created)},
           {"sessions", volume.sessions},
           {"pinned", volume.pinned},
           {"orphan", volume.orphan}};
  if (!volume.mesh.empty()) out["mesh"] = volume.mesh;
  if (!volume.provider.empty()) out["provider"] = volume.provider;
  if (!volume.identity.empty()) out["identity_id"] = volume.identity;
  if (!volume.identity_label.empty()) out["identity"] = volume.identity_label;
  if (volume.used) out["last_used"] = format_time(*volume.used);
  if (!volume.used_by.empty()) out["last_used_by"] = volume.used_by;
  if (volume.size > 0) out["size_limit"] = volume.size;
  if (volume.held) out["size"] = *volume.held;
  if (volume.allocated) out["size_on_host"] = *volume.allocated;
  if (!volume.stage.empty()) {
    out["stage"] = volume.stage;
    if (volume.archive_bytes > 0) out["archive_size"] = volume.archive_bytes;
    if (volume.quarantined) out["quarantined"] = format_time(*volume.quarantined);
    if (volume.until) out["until"] = format_time(*volume.until);
  }
  for (const auto& use : volume.uses)
    out["uses"].push_back({{"session", use.session}, {"name", use.name}, {"at", format_time(use.at)}});
  return out;
}

json encode(const session::ForeignVolume& volume) {
  json out{{"name", volume.name}, {"driver", volume.driver}, {"containers", volume.containers}};
  if (volume.created) out["created"] = format_time(*volume.created);
  return out;
}

json encode(const image::Provider& provider) {
  json out{{"id", provider.id.str()},
           {"title", provider.title},
           {"image", provider.image},
           {"binary", provider.binary},
           {"default_args", provider.default_args},
           {"command_when_empty", provider.command_when_empty},
           {"args_are_command", provider.args_are_command},
           {"env", json::object()},
           {"builtin", provider.builtin}};
  for (const auto& [key, value] : provider.env) out["env"][key] = value;
  if (!provider.default_args_reason.empty()) out["default_args_reason"] = provider.default_args_reason;
  if (!provider.profile.empty()) out["profile"] = provider.profile;
  if (!provider.profile_env.empty()) out["profile_env"] = provider.profile_env;
  if (!provider.skills.empty()) out["skills"] = provider.skills;
  for (const auto& config : provider.config) {
    json one{{"path", config.path},
             {"read_only", config.read_only},
             {"file", config.file},
             {"sharing", image::to_string(config.sharing)}};
    if (!config.keep.empty()) one["keep"] = config.keep;
    out["config"].push_back(std::move(one));
  }
  if (!provider.egress_hosts.empty()) out["egress"]["hosts"] = provider.egress_hosts;
  if (!provider.credentials.empty()) out["credential"] = encode_credentials(provider.credentials);
  if (provider.one_shot)
    out["one_shot"] = {{"args", provider.one_shot->args},
                       {"prompt", provider.one_shot->prompt_on_stdin ? "stdin" : "argument"}};
  if (!provider.mcp.args.empty()) out["mcp"]["args"] = provider.mcp.args;
  if (!provider.mcp.env.empty()) out["mcp"]["env"] = provider.mcp.env;
  if (!provider.mcp.file.empty()) out["mcp"]["file"] = provider.mcp.file;
  return out;
}

json encode(const provider::Identity& identity) {
  return {{"id", identity.id},
          {"label", identity.label},
          {"config_dir", identity.config_dir},
          {"is_default", identity.is_default},
          {"created", format_time(identity.created)}};
}

json encode(const provider::Probe& probe) {
  json out{{"exists", probe.exists}};
  if (probe.authenticated) out["authenticated"] = *probe.authenticated;
  if (!probe.account.empty()) out["account"] = probe.account;
  return out;
}

json encode(const image::ImageInfo& image) {
  json out{
      {"provider", image.provider.str()}, {"tag", image.tag}, {"built", image.built}, {"stale", image.stale}};
  if (image.built) {
    out["id"] = image.id.str();
    out["size"] = image.size;
  }
  if (image.created) out["created"] = format_time(*image.created);
  return out;
}

json encode(const image::Outdated& outdated) {
  return {{"package", outdated.package}, {"pinned", outdated.pinned}, {"latest", outdated.latest}};
}

json encode(const image::Progress& progress) {
  json out{{"step", progress.step}};
  if (!progress.log.empty()) out["log"] = progress.log;
  if (progress.fraction) out["fraction"] = std::clamp(*progress.fraction, 0.0, 1.0);
  return out;
}

json encode(const policy::Profile& profile, bool is_default) {
  policy::Request asks{profile.runtime, profile.workspace, profile.limits, profile.grants, profile.egress};
  return {{"name", profile.name},
          {"description", profile.description},
          {"built_in", profile.built_in},
          {"default", is_default},
          {"policy", policy::to_json(asks)}};
}

json encode(const policy::Explanation& explanation) {
  json out{{"profile", explanation.effective.profile},
           {"hash", explanation.hash},
           {"runtime", policy::to_string(explanation.effective.runtime)},
           {"fields", json::array()},
           {"grants", json::array()}};
  for (const auto& field : explanation.fields)
    out["fields"].push_back({{"field", field.field},
                             {"value", field.value},
                             {"rule", policy::to_string(field.rule)},
                             {"detail", field.detail}});
  for (const auto& grant : explanation.grants)
    out["grants"].push_back(
        {{"text", grant.text}, {"risk", grant.risk}, {"rule", policy::to_string(grant.rule)}});
  return out;
}

json encode(const doctor::Finding& finding) {
  static constexpr std::array<std::string_view, 3> kGrades{"good", "warning", "bad"};
  json out{{"check", finding.check},
           {"grade", kGrades.at(static_cast<std::size_t>(finding.grade))},
           {"detail", finding.detail}};
  if (!finding.remedy.empty()) out["remedy"] = finding.remedy;
  return out;
}

json encode(const Token& token) {
  json out{{"id", token.id},
           {"label", token.label},
           {"role", token.member ? to_string(token.member->role) : to_string(token.role)},
           {"owner", token.owner},
           {"created", format_time(token.created)}};
  if (!token.mesh.empty()) out["mesh"] = token.mesh;
  if (token.member) {
    out["peer"] = token.member->peer;
    out["groups"] = token.member->groups;
  }
  if (token.expires) out["expires"] = format_time(*token.expires);
  if (token.revoked) out["revoked"] = format_time(*token.revoked);
  if (token.last_used) out["last_used"] = format_time(*token.last_used);
  return out;
}

std::string_view to_string(session::Caller::Role role) {
  switch (role) {
    case session::Caller::Role::viewer:
      return "viewer";
    case session::Caller::Role::user:
      return "user";
    case session::Caller::Role::admin:
      return "admin";
  }
  return "viewer";
}

}  // namespace brig::api
