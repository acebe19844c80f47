// Every way in which the API speaks of one session: tried by somebody whose session it is not. REF stands for
// it.
#pragma once

namespace brig::escape {

struct Way {
  const char* name;
  const char* method;
  const char* path;
  const char* body;
};

inline constexpr Way kWays[] = {
    {"look", "GET", "/v1/sessions/REF", ""},
    {"logs", "GET", "/v1/sessions/REF/logs", ""},
    {"exec", "POST", "/v1/sessions/REF/exec", R"({"argv":["env"]})"},
    {"signal", "POST", "/v1/sessions/REF/processes/1/signal", R"({"signal":"KILL"})"},
    {"attach", "GET", "/v1/sessions/REF/processes/1/attach", ""},
    {"rules", "GET", "/v1/sessions/REF/egress", ""},
    {"allow", "POST", "/v1/sessions/REF/egress/rules", R"({"verb":"allow","rule":"evil.test"})"},
    {"forget", "DELETE", "/v1/sessions/REF/egress/rules?rule=evil.test", ""},
    {"answer", "POST", "/v1/sessions/REF/egress/answer", R"({"question":1,"answer":"yes"})"},
    {"test", "GET", "/v1/sessions/REF/egress/test?target=evil.test", ""},
    {"account", "GET", "/v1/sessions/REF/egress/log", ""},
    {"changes", "GET", "/v1/sessions/REF/changes", ""},
    {"patch", "GET", "/v1/sessions/REF/changes/patch", ""},
    {"read_files", "GET", "/v1/sessions/REF/files?path=/workspace", ""},
    {"write_files", "PUT", "/v1/sessions/REF/files?path=/workspace", ""},
    {"port", "GET", "/v1/sessions/REF/ports/7777", ""},
    {"apply", "POST", "/v1/sessions/REF/apply", "{}"},
    {"undo", "POST", "/v1/sessions/REF/undo", "{}"},
    {"checkpoints", "GET", "/v1/sessions/REF/checkpoints", ""},
    {"checkpoint", "POST", "/v1/sessions/REF/checkpoints", R"({"name":"mine"})"},
    {"restore", "POST", "/v1/sessions/REF/restore", R"({"checkpoint":"mine"})"},
    {"fork", "POST", "/v1/sessions/REF/fork", "{}"},
    {"discard", "POST", "/v1/sessions/REF/discard", ""},
    {"pause", "POST", "/v1/sessions/REF/pause", ""},
    {"resume", "POST", "/v1/sessions/REF/resume", ""},
    {"stop", "POST", "/v1/sessions/REF/stop", "{}"},
    {"remove", "DELETE", "/v1/sessions/REF?force=true", ""},
};

// What a user must not do at all.
inline constexpr Way kAdminWays[] = {
    {"list_tokens", "GET", "/v1/tokens", ""},
    {"make_admin_token", "POST", "/v1/tokens", R"({"label":"x","role":"admin"})"},
    {"make_own_token", "POST", "/v1/tokens", R"({"label":"x","role":"user"})"},
    {"revoke_token", "DELETE", "/v1/tokens/0123456789abcdef", ""},
    {"declare_provider", "PUT", "/v1/providers/box",
     R"({"schema":1,"title":"x","binary":"sh","image":"brig-test/busybox"})"},
    {"remove_provider", "DELETE", "/v1/providers/box", ""},
};

}  // namespace brig::escape
