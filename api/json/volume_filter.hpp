// Which volumes are meant: the same words in a query and in a body.
//
// Threads: any. Failure: as Failure, or kept in the Body.
#pragma once

#include "api/json/decode.hpp"

namespace brig::api {

session::VolumeFilter query_volumes(const Request& request, std::optional<Failure>& failure);
session::VolumeOrder query_order(const Request& request, std::optional<Failure>& failure);
session::VolumeFilter read_volume_filter(Object& object);

}  // namespace brig::api
