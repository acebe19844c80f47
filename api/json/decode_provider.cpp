// What callers say of providers, identities, volumes and the files they hand in.
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/json/decode.hpp"
#include "core/base64.hpp"
#include "core/names.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMaxOverlays = 32;
constexpr std::size_t kMaxVolumes = 16;
constexpr std::size_t kMaxContent = 2 << 20;
constexpr std::size_t kMaxLabel = 64;
constexpr std::size_t kMaxPath = 4096;

session::Overlay read_overlay(Object entry) {
  session::Overlay out;
  out.path = entry.text("path", {.required = true, .max = kMaxPath}).value_or("");
  auto text = entry.text("content", {.max = kMaxContent});
  auto encoded = entry.text("content_base64", {.max = kMaxContent});
  if (text.has_value() == encoded.has_value()) {
    entry.fail("content", "each overlay needs content or content_base64, and not both");
  } else if (text) {
    out.content = Secret(*text);
    ::explicit_bzero(text->data(), text->size());
  } else if (auto bytes = decode_base64(*encoded)) {
    out.content = Secret(*bytes);
    ::explicit_bzero(bytes->data(), bytes->size());
  } else {
    entry.fail("content_base64", "content_base64 is not base64");
  }
  out.read_only = entry.flag("read_only").value_or(true);
  if (auto mode = entry.text("mode", {.max = 4})) {
    auto [end, error] = std::from_chars(mode->data(), mode->data() + mode->size(), out.mode, 8);
    if (error != std::errc() || end != mode->data() + mode->size() || out.mode > 0777)
      entry.fail("mode", "mode " + brig::quoted(*mode) + " must be octal, from 0000 to 0777");
  }
  entry.finish();
  return out;
}

}  // namespace

std::vector<session::Overlay> read_overlays(Object& top) {
  std::vector<session::Overlay> out;
  for (auto& entry : top.objects("overlays", kMaxOverlays)) out.push_back(read_overlay(entry));
  return out;
}

std::vector<session::SharedMount> read_volumes(Object& top) {
  std::vector<session::SharedMount> out;
  for (auto& entry : top.objects("volumes", kMaxVolumes)) {
    session::SharedMount mount;
    mount.volume = entry.text("volume", {.required = true, .max = 64}).value_or("");
    mount.path = entry.text("path", {.required = true, .max = kMaxPath}).value_or("");
    mount.read_only = entry.flag("read_only").value_or(false);
    entry.finish();
    out.push_back(std::move(mount));
  }
  return out;
}

session::VolumeSpec decode_volume(Body& body) {
  auto top = body.object();
  session::VolumeSpec out;
  out.name = top.text("name", {.required = true, .max = 64}).value_or("");
  if (auto name = check_name("name", out.name); !name) top.fail("name", name.error().message);
  if (auto text = top.text("size", {.max = 64})) {
    auto size = parse_size(*text);
    if (size) {
      out.size = *size;
    } else {
      top.fail("size", size.error().message);
    }
  }
  out.mesh = top.text("mesh", {.max = 64}).value_or("");
  if (auto mesh = check_name("mesh", out.mesh); !out.mesh.empty() && !mesh)
    top.fail("mesh", mesh.error().message);
  top.finish();
  return out;
}

session::ImportSpec decode_volume_copy(Body& body) {
  auto top = body.object();
  session::ImportSpec out;
  out.name = top.text("name", {.required = true, .max = 64}).value_or("");
  if (auto name = check_name("name", out.name); !name) top.fail("name", name.error().message);
  out.mesh = top.text("mesh", {.max = 64}).value_or("");
  if (auto mesh = check_name("mesh", out.mesh); !out.mesh.empty() && !mesh)
    top.fail("mesh", mesh.error().message);
  return out;
}

std::vector<egress::Credential> read_credentials(Object& top) {
  std::vector<egress::Credential> out;
  for (auto& entry : top.objects("credentials", egress::kMaxCredentials)) {
    egress::CredentialText text;
    auto read = [&](const char* key) { return entry.text(key, {.max = 300}); };
    text.host = read("host").value_or("");
    text.header = read("header");
    text.query = read("query");
    text.basic = read("basic");
    text.value = read("value").value_or("");
    text.shape = read("template");
    text.env = read("env");
    text.base_url_env = read("base_url_env");
    text.base_url_path = read("base_url_path");
    egress::Credential one;
    if (auto bad = egress::read_credential(text, one)) entry.fail(bad->field, bad->field + " " + bad->why);
    entry.finish();
    out.push_back(std::move(one));
  }
  if (auto bad = egress::check_together(out))
    top.fail("credentials", "credentials: " + bad->field + " " + bad->why);
  return out;
}

provider::IdentitySpec decode_identity(Body& body) {
  auto top = body.object();
  provider::IdentitySpec out;
  out.label = top.text("label", {.required = true, .max = kMaxLabel}).value_or("");
  out.config_dir = top.text("config_dir", {.max = kMaxPath}).value_or("");
  out.set_default = top.flag("set_default").value_or(false);
  top.finish();
  return out;
}

provider::IdentityChange decode_identity_change(Body& body) {
  auto top = body.object();
  provider::IdentityChange out;
  out.label = top.text("label", {.max = kMaxLabel});
  out.config_dir = top.text("config_dir", {.max = kMaxPath});
  out.is_default = top.flag("is_default");
  top.finish();
  return out;
}

}  // namespace brig::api
