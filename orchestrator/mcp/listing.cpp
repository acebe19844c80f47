// What a server offers: the handshake and the lists.
#include <algorithm>
#include <set>

#include "core/text.hpp"
#include "mcp/client_impl.hpp"
#include "mcp/json.hpp"

namespace brig::mcp {
namespace {

constexpr std::size_t kMaxCursor = 4'096;      // bytes
constexpr std::size_t kMaxListing = 16 << 20;  // bytes, of all items together

struct Words {
  std::string_view method;
  std::string_view member;  // of the result
  std::string_view name;    // of an item
};

Words words_of(Listing what) {
  switch (what) {
    case Listing::tools:
      return {"tools/list", "tools", "name"};
    case Listing::resources:
      return {"resources/list", "resources", "uri"};
    case Listing::resource_templates:
      return {"resources/templates/list", "resourceTemplates", "uriTemplate"};
    case Listing::prompts:
      return {"prompts/list", "prompts", "name"};
  }
  return {};
}

// What cannot be taken apart does not pass.
Result<Item> item_of(std::string_view json, const Words& words) {
  BRIG_TRY(auto members, json::members(json));
  auto name = json::find_text(json, words.name);
  if (!name || name->empty()) {
    return Error{Code::protocol, "'" + std::string(words.name) + "' is no string with something in it", "mcp",
                 false};
  }
  if (words.member == "tools") {
    auto schema = json::find(json, "inputSchema");
    if (!schema || json::type_of(*schema) != json::Type::object) {
      return Error{Code::protocol, "'inputSchema' of " + quoted(*name) + " is not an object", "mcp", false};
    }
  }
  return Item{std::move(*name), std::string(json)};
}

std::string error_text(const std::string& server, std::string_view method, const Answer& answer) {
  auto said = json::find_text(answer.json, "message").value_or("");
  return server + " refused " + std::string(method) + ": " + printable(said);
}

bool is_unknown_method(const Answer& answer) {
  return answer.is_error && json::find(answer.json, "code") == std::to_string(kMethodNotFound);
}

// The cursor as written, or empty at the end. Some servers end with an empty one, or with null.
Result<std::string> next_cursor(const std::string& result) {
  auto cursor = json::find(result, "nextCursor");
  if (!cursor || *cursor == "null" || *cursor == "\"\"") return std::string();
  if (json::type_of(*cursor) != json::Type::string || cursor->size() > kMaxCursor) {
    return Error{Code::protocol,
                 "'nextCursor' is no string of at most " + std::to_string(kMaxCursor) + " bytes", "mcp",
                 false};
  }
  return std::string(*cursor);
}

}  // namespace

bool is_known_version(std::string_view version) {
  return std::find(std::begin(kVersions), std::end(kVersions), version) != std::end(kVersions);
}

bool Initialized::can(std::string_view capability) const {
  auto found = json::find(capabilities, capability);
  return found && json::type_of(*found) == json::Type::object;
}

Result<Initialized> Initialized::from(std::string result) {
  Initialized out;
  out.version = json::find_text(result, "protocolVersion").value_or("");
  if (!is_known_version(out.version)) {
    return Error{Code::unsupported,
                 "it speaks version " + quoted(out.version) + " of the protocol, not one of " +
                     std::string(kVersions[3]) + ", " + std::string(kVersions[2]) + ", " +
                     std::string(kVersions[1]) + ", " + std::string(kVersions[0]),
                 "mcp", false};
  }
  out.capabilities = json::find(result, "capabilities").value_or("");
  out.server_info = json::find(result, "serverInfo").value_or("");
  if (json::type_of(out.capabilities) != json::Type::object ||
      json::type_of(out.server_info) != json::Type::object) {
    return Error{Code::protocol, "it answered initialize without an object 'capabilities' or 'serverInfo'",
                 "mcp", false};
  }
  auto instructions = json::find(result, "instructions");
  if (instructions && json::type_of(*instructions) == json::Type::string) out.instructions = *instructions;
  out.result = std::move(result);
  return out;
}

net::Task<Result<Initialized>> Client::initialize(Deadline deadline) {
  auto impl = impl_;
  Call call;
  call.method = "initialize";
  call.params = R"({"protocolVersion":)" + json::literal(kVersions[0]) + R"(,"capabilities":)" +
                impl->options().capabilities + R"(,"clientInfo":{"name":"brig","version":)" +
                json::literal(BRIG_VERSION) + "}}";
  call.deadline = deadline;
  BRIG_CO_TRY(auto answer, co_await Impl::request(impl, std::move(call)));
  const auto& name = impl->options().name;
  if (answer.is_error) {
    co_return Error{Code::protocol, error_text(name, "initialize", answer), "mcp", false};
  }
  auto said = Initialized::from(std::move(answer.json));
  if (!said) co_return Error{said.error().code, name + ": " + said.error().message, "mcp", false};
  auto line = write_notification("notifications/initialized", "");
  BRIG_CO_CHECK(co_await Impl::notify(impl, std::move(line), deadline));
  co_return said;
}

net::Task<Result<void>> Client::ping(Deadline deadline) {
  auto impl = impl_;
  Call call;
  call.method = "ping";
  call.deadline = deadline;
  BRIG_CO_TRY(auto answer, co_await Impl::request(impl, std::move(call)));
  if (answer.is_error) {
    co_return Error{Code::protocol, error_text(impl->options().name, "ping", answer), "mcp", false};
  }
  co_return Result<void>();
}

net::Task<Result<std::vector<Item>>> Client::list(Listing what, Deadline deadline) {
  auto impl = impl_;
  const auto words = words_of(what);
  const auto& server = impl->options().name;
  std::vector<Item> out;
  std::set<std::string> names;
  std::size_t bytes = 0;
  std::string cursor;
  for (std::size_t page = 0; page < kMaxPages; ++page) {
    Call call;
    call.method = words.method;
    if (!cursor.empty()) call.params = R"({"cursor":)" + cursor + "}";
    call.deadline = deadline;
    BRIG_CO_TRY(auto answer, co_await Impl::request(impl, std::move(call)));
    if (page == 0 && is_unknown_method(answer)) co_return out;
    if (answer.is_error) {
      co_return Error{Code::protocol, error_text(server, words.method, answer), "mcp", false};
    }
    auto array = json::find(answer.json, words.member);
    if (!array || json::type_of(*array) != json::Type::array) {
      co_return Error{Code::protocol,
                      server + " answered " + std::string(words.method) + " without an array '" +
                          std::string(words.member) + "'",
                      "mcp", false};
    }
    bytes += array->size();
    auto elements = json::elements(*array, kMaxItems - out.size());
    if (!elements || bytes > kMaxListing) {
      co_return Error{Code::too_large,
                      server + " lists more than " + std::to_string(kMaxItems) + " " +
                          std::string(words.member) + ", or more than " + std::to_string(kMaxListing) +
                          " bytes of them",
                      "mcp", false};
    }
    for (auto element : *elements) {
      auto item = item_of(element, words);
      if (item && !names.insert(item->name).second) {
        item = Error{Code::protocol, quoted(item->name) + " is there twice", "mcp", false};
      }
      if (item)
        out.push_back(std::move(*item));
      else if (!impl->ended())
        impl->observer().on_fault("in " + std::string(words.member) + ": " + item.error().message);
    }
    auto next = next_cursor(answer.json);
    if (!next) co_return Error{Code::protocol, server + ": " + next.error().message, "mcp", false};
    if (next->empty()) co_return out;
    cursor = std::move(*next);
  }
  co_return Error{Code::too_large,
                  server + " lists its " + std::string(words.member) + " in more than " +
                      std::to_string(kMaxPages) + " pages",
                  "mcp", false};
}

}  // namespace brig::mcp
