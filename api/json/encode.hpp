// What the service tells, as JSON; openapi.yaml says how it must look.
//
// Threads: any. Failure: none.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "api/services.hpp"

namespace brig::api {

nlohmann::json encode(const session::Outcome& outcome);
nlohmann::json encode(const session::ProcessView& process);
nlohmann::json encode(const session::View& session);
nlohmann::json encode(const session::Usage& usage);
nlohmann::json encode(const events::Record& event);
nlohmann::json encode(const session::CheckpointView& checkpoint);
nlohmann::json encode(const session::VolumeView& volume);
nlohmann::json encode(const session::ForeignVolume& volume);
nlohmann::json encode(const image::Provider& provider);
nlohmann::json encode(const provider::Identity& identity);
nlohmann::json encode(const provider::Probe& probe);
nlohmann::json encode(const image::ImageInfo& image);
nlohmann::json encode(const image::Outdated& outdated);
nlohmann::json encode(const image::Progress& progress);
nlohmann::json encode(const policy::Profile& profile, bool is_default);
nlohmann::json encode(const policy::Explanation& explanation);
nlohmann::json encode(const doctor::Finding& finding);
nlohmann::json encode(const Token& token);
nlohmann::json encode(const review::Change& change);
nlohmann::json encode(const review::Concern& concern);
std::string_view to_string(session::Caller::Role role);

template <class T>
nlohmann::json encode_all(const std::vector<T>& values) {
  auto out = nlohmann::json::array();
  for (const auto& value : values) out.push_back(encode(value));
  return out;
}

}  // namespace brig::api
