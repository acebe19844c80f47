// doctor, version.
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/exit_codes.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// A daemon that cannot be reached is the first thing a doctor has to find.
Result<nlohmann::json> diagnosis(Context& context) {
  auto client = context.client();
  if (!client) return client.error();
  auto answer = (*client)->call("GET", "/v1/doctor", nullptr, std::chrono::minutes(2));
  if (answer || answer.error().where == "api") return answer;
  const std::string& message = answer.error().message;
  auto cut = message.find("; ");
  nlohmann::json finding = {{"check", "daemon"}, {"grade", "bad"}, {"detail", message.substr(0, cut)}};
  finding["remedy"] = cut == std::string::npos ? "" : message.substr(cut + 2);
  return nlohmann::json{{"ok", false}, {"findings", nlohmann::json::array({finding})}};
}

Result<int> doctor(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto answer, diagnosis(context));
  int bad = 0;
  int warnings = 0;
  std::string text;
  const auto& style = context.out();
  for (const auto& finding : list_of(answer, "findings")) {
    std::string grade = text_of(finding, "grade");
    bool is_bad = grade == "bad";
    bool is_warning = grade == "warning";
    bad += is_bad;
    warnings += is_warning;
    auto colour = is_bad ? Colour::red : is_warning ? Colour::yellow : Colour::green;
    text += style.paint(colour, is_bad ? "bad     " : is_warning ? "warning " : "good    ");
    text += style.paint(Colour::bold, printable(text_of(finding, "check"))) + "  " +
            printable(text_of(finding, "detail"), 1024) + "\n";
    std::string remedy = text_of(finding, "remedy");
    if (!remedy.empty()) text += "          do: " + printable(remedy, 1024) + "\n";
  }
  if (arguments.json()) {
    print_json(answer);
    return bad > 0 ? 1 : 0;
  }
  text += "\n";
  if (bad == 0 && warnings == 0)
    text += "All is well.\n";
  else
    text += std::to_string(bad) + " bad, " + std::to_string(warnings) +
            (warnings == 1 ? " warning\n" : " warnings\n");
  print(text);
  return bad > 0 ? 1 : 0;
}

Result<int> version(Context& context, const Arguments& arguments) {
  nlohmann::json all = {{"client", {{"version", BRIG_VERSION}}}};
  auto client = context.client();
  auto server = client ? (*client)->call("GET", "/v1/version", nullptr, std::chrono::seconds(10))
                       : Result<nlohmann::json>(client.error());
  if (server) {
    all["server"] = *server;
    // The engine is told by the doctor's finding about it, to whoever may ask for it.
    if (!server->contains("engine")) {
      auto found = (*client)->call("GET", "/v1/doctor", nullptr, std::chrono::seconds(10));
      if (found) {
        for (const auto& finding : list_of(*found, "findings")) {
          if (text_of(finding, "check") == "engine") all["engine"] = text_of(finding, "detail");
        }
      }
    } else {
      all["engine"] = (*server)["engine"];
    }
  } else {
    all["server"] = {{"error", server.error().message}};
  }
  if (arguments.json()) {
    print_json(all);
  } else {
    print("client  brig " BRIG_VERSION "\n");
    if (server) {
      auto caller = server->find("caller");
      print("server  brigd " + printable(text_of(*server, "version")) + ", API " +
            printable(text_of(*server, "api")) + ", installation " +
            printable(text_of(*server, "installation")) + "\n");
      if (caller != server->end()) {
        print("you     " + printable(text_of(*caller, "owner")) + ", " + printable(text_of(*caller, "role")) +
              "\n");
      }
    }
    if (auto engine = text_of(all, "engine"); !engine.empty()) print("engine  " + printable(engine) + "\n");
  }
  if (server) return 0;
  say_error(server.error().message);
  return exit_code(server.error().code);
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr Example kDoctorExamples[] = {
    {"brig doctor", "what is missing on this machine, and what to do about it"}};
constexpr Example kVersionExamples[] = {{"brig version --json", "for a bug report"}};

}  // namespace

constexpr CommandSpec kDoctor = {.name = "doctor",
                                 .summary = "Check whether this machine can do what Brig needs.",
                                 .description = "Exits with 1 if anything is bad; warnings do not count.",
                                 .options = kJson,
                                 .examples = kDoctorExamples,
                                 .run = doctor};

constexpr CommandSpec kVersion = {.name = "version",
                                  .summary = "Print the versions of brig, of brigd and of the engine.",
                                  .options = kJson,
                                  .examples = kVersionExamples,
                                  .run = version};

}  // namespace brig::cli
