// The Doctor of a running brigd: asks the engine, tries the kernel, judges.
//
// What counts is tried rather than looked up: a workspace is really mounted, with and without a disk limit,
// in STATE/doctor, and taken down again.
//
// Ownership: borrows what it is given. Threads: the loop's; what blocks runs on the worker. Failure: none; a
// check that cannot be made is a finding.
#pragma once

#include <memory>

#include "docker/engine.hpp"
#include "doctor/doctor.hpp"
#include "doctor/setup.hpp"
#include "image/images.hpp"
#include "net/worker.hpp"
#include "workspace/mounter.hpp"

namespace brig::doctor {

std::unique_ptr<Doctor> make_doctor(Setup setup, docker::Engine& engine, image::Images& images,
                                    workspace::Mounter& mounter, net::Worker& blocking);

}  // namespace brig::doctor
