// What callers ask, out of JSON bodies and query parameters.
//
// Threads: any. Failure: kept in the Body, or as Failure.
#pragma once

#include "api/json/reader.hpp"
#include "api/services.hpp"

namespace brig::api {

session::CreateSpec decode_create(Body& body);
session::AskSpec decode_ask(Body& body);
session::ProcessSpec decode_exec(Body& body);
Millis decode_stop(Body& body);
std::string decode_checkpoint(Body& body);
session::RestoreSpec decode_restore(Body& body);
session::ForkSpec decode_fork(Body& body);
int decode_signal(Body& body);

struct ExplainSpec {
  std::string provider;  // empty: none in particular
  std::string profile;
  policy::Request request;
};
ExplainSpec decode_explain(Body& body);

struct TokenSpec {
  std::string label;
  session::Caller::Role role = session::Caller::Role::viewer;
  std::string owner;  // empty: its own
  std::string mesh;
  std::optional<session::Caller::Member> member;
  std::optional<Millis> expires_in;
};
TokenSpec decode_token(Body& body);
provider::IdentitySpec decode_identity(Body& body);
provider::IdentityChange decode_identity_change(Body& body);
struct PreviewSpec {
  std::uint16_t port = 0;
  Millis expires_in{};
};
PreviewSpec decode_preview(Body& body);
session::VolumeSpec decode_volume(Body& body);
session::ImportSpec decode_volume_copy(Body& body);
bool decode_build(Body& body);  // no_cache
review::ApplySpec decode_apply(Body& body);
std::vector<std::string> decode_undo(Body& body);  // skip

std::vector<session::Overlay> read_overlays(Object& top);
std::vector<session::SharedMount> read_volumes(Object& top);
std::vector<egress::Credential> read_credentials(Object& top);
std::optional<session::TerminalSize> read_terminal(Object object);

// "TERM", "SIGTERM" or "15"; 0 if it is none.
int signal_number(std::string_view word);

// Flags and offsets of queries; the first refusal is kept in `failure`.
bool query_flag(const Request& request, std::string_view name, std::optional<Failure>& failure);
std::optional<std::uint64_t> query_number(const Request& request, std::string_view name, std::uint64_t least,
                                          std::uint64_t most, std::optional<Failure>& failure);
void query_from(const Request& request, session::AttachSpec& spec, std::optional<Failure>& failure);
// A path's {number}.
std::uint32_t path_number(const Request& request, std::optional<Failure>& failure);

}  // namespace brig::api
