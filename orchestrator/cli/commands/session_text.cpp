#include "cli/commands/session_text.hpp"

#include "cli/commands/common.hpp"
#include "core/text.hpp"

namespace brig::cli {

Colour state_colour(const std::string& state) {
  if (state == "running") return Colour::green;
  if (state == "ended") return Colour::dim;
  return Colour::yellow;
}

std::string state_text(const nlohmann::json& session) {
  std::string state = text_of(session, "state");
  if (state != "ended") return state;
  auto outcome = session.find("outcome");
  std::string how = outcome == session.end() ? "" : outcome_text(*outcome);
  return how.empty() ? state : how;
}

std::string exit_text(const nlohmann::json& thing) {
  auto outcome = thing.find("outcome");
  if (outcome == thing.end() || !outcome->is_object()) return "";
  return std::to_string(outcome_from_json(*outcome).exit_code);
}

Table process_table(const nlohmann::json& session, bool all) {
  Table table({"N", "STATE", "EXIT", "AGE", "TTY", "COMMAND"});
  for (const auto& process : list_of(session, "processes")) {
    if (!process.is_object()) continue;
    auto outcome = process.find("outcome");
    bool ended = outcome != process.end();
    if (ended && !all) continue;
    auto number = process.find("number");
    auto terminal = process.find("terminal");
    std::string command;
    for (const auto& argument : list_of(process, "argv")) {
      if (argument.is_string()) command += (command.empty() ? "" : " ") + argument.get<std::string>();
    }
    table.add(
        {number != process.end() && number->is_number_unsigned()
             ? std::to_string(number->get<std::uint64_t>())
             : "",
         ended ? Table::Cell(outcome_text(*outcome), Colour::dim) : Table::Cell("running", Colour::green),
         exit_text(process), age(text_of(process, "started")),
         terminal != process.end() && terminal->is_boolean() && terminal->get<bool>() ? "yes" : "",
         command.size() > 200 ? command.substr(0, 200) + "..." : command});
  }
  return table;
}

}  // namespace brig::cli
