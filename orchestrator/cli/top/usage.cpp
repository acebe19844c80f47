#include "cli/top/usage.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cli/commands/common.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

std::optional<std::uint64_t> maybe(const json& object, const char* key) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<std::uint64_t>();
}

UsedOf amount_of(const json& object, const char* key) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_object()) return {};
  return {maybe(*it, "used"), maybe(*it, "limit")};
}

void put(json& out, const char* key, const UsedOf& amount) {
  if (!amount.used) return;
  out[key]["used"] = *amount.used;
  if (amount.limit) out[key]["limit"] = *amount.limit;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::vector<SessionUsage> Looks::add(const json& answer) {
  std::vector<SessionUsage> out;
  std::map<std::string, Before> now;
  for (const auto& one : list_of(answer, "sessions")) {
    if (!one.is_object()) continue;
    SessionUsage session;
    session.id = text_of(one, "id");
    session.name = text_of(one, "name");
    session.owner = text_of(one, "owner");
    session.mesh = text_of(one, "mesh");
    session.provider = text_of(one, "provider");
    session.state = text_of(one, "state");
    session.reason = text_of(one, "reason");
    session.project = text_of(one, "project");
    session.created = text_of(one, "created");
    if (auto cpus = one.find("cpus"); cpus != one.end() && cpus->is_number())
      session.cpus = cpus->get<double>();
    session.memory = amount_of(one, "memory");
    session.tasks = amount_of(one, "tasks");
    session.disk = amount_of(one, "disk");
    session.attached = number_of(one, "attached");
    session.processes = number_of(one, "processes");
    auto traffic = one.value("traffic", json::object());
    session.open = number_of(traffic, "open");
    session.denied = number_of(traffic, "denied");
    session.questions = number_of(traffic, "questions");

    Before look{number_of(one, "at_us"), number_of(one, "cpu_us"), number_of(traffic, "sent"),
                number_of(traffic, "received")};
    auto last = before_.find(session.id);
    if (last != before_.end() && look.at > last->second.at) {
      auto elapsed = static_cast<double>(look.at - last->second.at);  // microseconds
      // What was counted anew since (the engine or the service began again) is no rate.
      auto grown = [&](std::uint64_t after, std::uint64_t earlier, double unit) {
        return after < earlier ? std::optional<double>()
                               : static_cast<double>(after - earlier) * unit / elapsed;
      };
      if (maybe(one, "cpu_us")) session.cpu = grown(look.cpu, last->second.cpu, 1);
      if (traffic.contains("sent")) session.sent = grown(look.sent, last->second.sent, 1e6);
      if (traffic.contains("received")) session.received = grown(look.received, last->second.received, 1e6);
    }
    now[session.id] = look;
    out.push_back(std::move(session));
  }
  before_ = std::move(now);
  return out;
}

std::optional<UsageOrder> usage_order(std::string_view word) {
  for (std::size_t i = 0; i < std::size(kUsageOrders); ++i) {
    if (word == kUsageOrders[i]) return static_cast<UsageOrder>(i);
  }
  return std::nullopt;
}

void sort_usage(std::vector<SessionUsage>& sessions, UsageOrder order, bool turned) {
  auto size = [order](const SessionUsage& s) -> double {
    switch (order) {
      case UsageOrder::cpu:
        return s.cpu.value_or(-1);
      case UsageOrder::memory:
        return s.memory.used ? static_cast<double>(*s.memory.used) : -1;
      case UsageOrder::tasks:
        return s.tasks.used ? static_cast<double>(*s.tasks.used) : -1;
      case UsageOrder::disk:
        return s.disk.used ? static_cast<double>(*s.disk.used) : -1;
      case UsageOrder::traffic:
        return s.sent.value_or(0) + s.received.value_or(0);
      default:
        return 0;
    }
  };
  auto before = [&](const SessionUsage& a, const SessionUsage& b) {
    if (order == UsageOrder::name) return std::tie(a.name, a.id) < std::tie(b.name, b.id);
    if (order == UsageOrder::state) return std::tie(a.state, a.name, a.id) < std::tie(b.state, b.name, b.id);
    if (order == UsageOrder::age) return std::tie(a.created, a.id) < std::tie(b.created, b.id);
    auto x = size(a), y = size(b);
    return x != y ? x > y : std::tie(a.name, a.id) < std::tie(b.name, b.id);
  };
  std::stable_sort(sessions.begin(), sessions.end(), before);
  if (turned) std::reverse(sessions.begin(), sessions.end());
}

bool usage_matches(const SessionUsage& session, std::string_view text) {
  auto holds = [&](std::string_view where) {
    return std::search(where.begin(), where.end(), text.begin(), text.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != where.end();
  };
  return text.empty() || holds(session.name) || holds(session.provider) || holds(session.mesh) ||
         holds(session.owner) || holds(session.state) || holds(session.project);
}

json to_json(const SessionUsage& session) {
  json out{{"id", session.id},           {"name", session.name},         {"owner", session.owner},
           {"state", session.state},     {"reason", session.reason},     {"provider", session.provider},
           {"created", session.created}, {"attached", session.attached}, {"processes", session.processes}};
  if (!session.mesh.empty()) out["mesh"] = session.mesh;
  if (!session.project.empty()) out["project"] = session.project;
  if (session.cpu) out["cpu"] = *session.cpu;
  if (session.cpus) out["cpus"] = *session.cpus;
  put(out, "memory", session.memory);
  put(out, "tasks", session.tasks);
  put(out, "disk", session.disk);
  out["egress"] = {{"open", session.open}, {"denied", session.denied}, {"questions", session.questions}};
  if (session.sent) out["egress"]["sent_per_second"] = *session.sent;
  if (session.received) out["egress"]["received_per_second"] = *session.received;
  return out;
}

std::string cpu_text(const std::optional<double>& cpu) {
  if (!cpu) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", std::min(*cpu, 9999.0));
  return text;
}

std::string amount_text(const UsedOf& amount) {
  if (!amount.used) return "";
  return format_size(*amount.used) + (amount.limit ? "/" + format_size(*amount.limit) : "");
}

std::string rate_text(const std::optional<double>& rate) {
  if (!rate) return "";
  return format_size(static_cast<std::uint64_t>(std::clamp(*rate, 0.0, 1e15))) + "/s";
}

}  // namespace brig::cli
