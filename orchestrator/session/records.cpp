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
                                    Outcome::Kind::stopped,      Outcome::Kind::failed,
                                    Outcome::Kind::lost};

constexpr State kStates[] = {State::preparing, State::starting, State::running, State::ending, State::ended};

}  // namespace

State state_of(std::string_view phase) {
  for (auto state : kStates) {
    if (to_string(state) == phase) return state;
  }
  return State::ending;
}

std::string outcome_to_json(const Outcome& outcome) {
  return text({{"kind", to_string(outcome.kind)},
               {"code", outcome.code},
               {"signal", outcome.signal},
               {"detail", outcome.detail}});
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
  if (row.container_id && !row.container_id->empty()) view.container = row.container_name;
  BRIG_TRY(view.labels, labels_from_json(row.labels_json));
  view.created = row.created;
  view.started = row.started;
  view.ended = row.ended;
  if (row.outcome_json) {
    BRIG_TRY(view.outcome, outcome_from_json(*row.outcome_json));
  }
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
