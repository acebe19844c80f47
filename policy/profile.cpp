#include "policy/profile.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/names.hpp"
#include "policy/document.hpp"
#include "policy/embedded.hpp"
#include "policy/fields.hpp"

namespace brig::policy {
namespace {

std::string stem(std::string_view file) {
  auto name = file.substr(file.rfind('/') + 1);
  return std::string(name.substr(0, name.rfind(".toml")));
}

}  // namespace

Result<Profile> parse_profile(std::string_view toml, std::string_view file) {
  nlohmann::json root;
  BRIG_TRY(auto document, read_toml(toml, file, root));
  Source source(file, &document);
  Reader top(source, &root, "", "a profile");
  Profile out;
  out.name = top.text("name", 64).value_or(stem(file));
  out.description = top.text("description", 400).value_or("");
  if (auto fine = check_name("name", out.name); !fine) top.fail("name", fine.error().message);
  auto fields = read_fields(top);
  top.finish();
  BRIG_CHECK(source.result());
  out.runtime = fields.runtime;
  out.workspace = fields.workspace;
  out.limits = fields.limits;
  out.grants = std::move(fields.grants);
  out.egress = std::move(fields.egress);
  return out;
}

const std::vector<Profile>& built_in_profiles() {
  static const std::vector<Profile> profiles = [] {
    std::vector<Profile> out;
    for (const auto& file : embedded::profiles()) {
      auto profile = parse_profile(file.text, file.name);
      if (!profile) std::abort();  // a test reads them all; a broken one never leaves the build
      profile->built_in = true;
      out.push_back(std::move(*profile));
    }
    return out;
  }();
  return profiles;
}

std::string_view profile_schema() {
  return embedded::profile_schema();
}

}  // namespace brig::policy
