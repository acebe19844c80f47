#include "session/records.hpp"

#include <nlohmann/json.hpp>

namespace brig::session {
namespace {

using nlohmann::json;

Error corrupt(std::string_view what) {
  return {Code::corrupt, "the ledger holds " + std::string(what) + " that cannot be read", "session", false};
}

std::string text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

constexpr Outcome::Kind kKinds[] = {Outcome::Kind::exited,       Outcome::Kind::signaled,
                                    Outcome::Kind::spawn_failed, Outcome::Kind::out_of_memory,
                                    Outcome::Kind::stopped,      Outcome::Kind::expired,
                                    Outcome::Kind::failed,       Outcome::Kind::lost};

constexpr State kStates[] = {State::preparing, State::starting, State::running,
                             State::paused,    State::ending,   State::ended};

}  // namespace

State state_of(std::string_view phase) {
  for (auto state : kStates) {
    if (to_string(state) == phase) return state;
  }
  return State::ending;
}

std::string outcome_to_json(const Outcome& outcome) {
  json out{{"kind", to_string(outcome.kind)},
           {"code", outcome.code},
           {"signal", outcome.signal},
           {"detail", outcome.detail}};
  if (!outcome.limits.empty()) out["limits"] = outcome.limits;
  return text(out);
}

Result<Outcome> outcome_from_json(const std::string& source) {
  auto value = json::parse(source, nullptr, false);
  if (!value.is_object() || !value.contains("kind") || !value["kind"].is_string())
    return corrupt("an outcome");
  Outcome outcome;
  bool known = false;
  for (auto kind : kKinds) {
    if (to_string(kind) == value["kind"].get_ref<const std::string&>()) {
      outcome.kind = kind;
      known = true;
    }
  }
  auto number = [&](const char* key) {
    auto it = value.find(key);
    return it != value.end() && it->is_number_integer() ? it->get<int>() : 0;
  };
  outcome.code = number("code");
  outcome.signal = number("signal");
  if (auto it = value.find("detail"); it != value.end() && it->is_string())
    outcome.detail = it->get<std::string>();
  if (auto it = value.find("limits"); it != value.end() && it->is_array()) {
    for (const auto& limit : *it) {
      if (limit.is_string()) outcome.limits.push_back(limit.get<std::string>());
    }
  }
  if (!known) return corrupt("an outcome");
  return outcome;
}

std::string strings_to_json(std::span<const std::string> values) {
  auto array = json::array();
  for (const auto& value : values) array.push_back(value);
  return text(array);
}

Result<std::vector<std::string>> strings_from_json(const std::string& source) {
  auto value = json::parse(source, nullptr, false);
  if (!value.is_array()) return corrupt("a list");
  std::vector<std::string> out;
  for (const auto& item : value) {
    if (!item.is_string()) return corrupt("a list");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::string labels_to_json(const std::map<std::string, std::string>& labels) {
  return text(json(labels));
}

Result<std::map<std::string, std::string>> labels_from_json(const std::string& source) {
  auto value = json::parse(source, nullptr, false);
  if (!value.is_object()) return corrupt("labels");
  std::map<std::string, std::string> out;
  for (const auto& [key, item] : value.items()) {
    if (!item.is_string()) return corrupt("labels");
    out.emplace(key, item.get<std::string>());
  }
  return out;
}

std::string mounts_to_json(const std::vector<SharedMount>& mounts) {
  auto array = json::array();
  for (const auto& mount : mounts)
    array.push_back({{"volume", mount.volume}, {"path", mount.path}, {"read_only", mount.read_only}});
  return text(array);
}

Result<std::vector<SharedMount>> mounts_from_json(const std::string& source) {
  auto value = json::parse(source, nullptr, false);
  if (!value.is_array()) return corrupt("volumes of a session");
  std::vector<SharedMount> out;
  for (const auto& item : value) {
    if (!item.is_object()) return corrupt("volumes of a session");
    out.push_back({item.value("volume", ""), item.value("path", ""), item.value("read_only", false)});
  }
  return out;
}

namespace {

// Why it is in the state it is in, where nobody said anything better.
std::string reason_of(State state, const std::optional<Outcome>& outcome) {
  switch (state) {
    case State::preparing:
      return "its sandbox is being made";
    case State::starting:
      return "its command is being started";
    case State::running:
      return "its command runs";
    case State::paused:
      return "it is frozen; `brig resume` lets it go on";
    case State::ending:
      return "its sandbox is being taken apart";
    case State::ended:
      break;
  }
  if (!outcome) return "it has ended";
  if (!outcome->detail.empty()) return outcome->detail;
  switch (outcome->kind) {
    case Outcome::Kind::exited:
      return "its command exited with " + std::to_string(outcome->code);
    case Outcome::Kind::signaled:
      return "its command was killed by signal " + std::to_string(outcome->signal);
    case Outcome::Kind::stopped:
      return "somebody stopped it";
    default:
      return "it has ended: " + std::string(to_string(outcome->kind));
  }
}

}  // namespace

Result<View> view_of(const store::SessionRow& row) {
  View view;
  view.id = row.id;
  view.name = row.name;
  view.owner = row.owner;
  view.mesh = row.mesh;
  view.state = state_of(row.phase);
  view.reason = row.reason;
  view.provider = row.provider;
  view.identity = row.identity;
  view.identity_id = row.identity_id;
  view.image = row.image_tag;
  view.profile = row.profile;
  view.runtime = row.runtime;
  view.policy_hash = row.policy_hash;
  view.project = row.project;
  view.source = row.source;
  if (row.container_id && !row.container_id->empty()) view.container = row.container_name;
  BRIG_TRY(view.labels, labels_from_json(row.labels_json));
  BRIG_TRY(view.volumes, mounts_from_json(row.volumes_json));
  view.created = row.created;
  view.started = row.started;
  view.ended = row.ended;
  if (row.outcome_json) {
    BRIG_TRY(view.outcome, outcome_from_json(*row.outcome_json));
  }
  if (view.reason.empty()) view.reason = reason_of(view.state, view.outcome);
  return view;
}

Result<ProcessView> view_of(const store::ProcessRow& row) {
  ProcessView view;
  view.number = row.number;
  BRIG_TRY(view.argv, strings_from_json(row.argv_json));
  view.terminal = row.tty;
  view.started = row.started;
  view.ended = row.ended;
  if (row.outcome_json) {
    BRIG_TRY(view.outcome, outcome_from_json(*row.outcome_json));
  }
  return view;
}

}  // namespace brig::session
