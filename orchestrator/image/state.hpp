// Inside the module: what EngineImages is made of.
//
// Threads: the loop's. Failure: as Result.
#pragma once

#include <list>

#include "image/catalog.hpp"
#include "image/labels.hpp"
#include "image/program_source.hpp"
#include "image/service.hpp"
#include "net/event.hpp"
#include "net/scope.hpp"

namespace brig::image {

inline constexpr const char* kBaseRepository = "brig/base";
inline constexpr const char* kBaseVersion = "bookworm";
inline constexpr const char* kBaseTag = "brig/base:bookworm";

// One image being made, for all who asked for it.
struct Build {
  Build(const net::asio::any_io_executor& executor, std::string image_name)
      : name(std::move(image_name)), scope(executor, "build of " + name), changed(executor) {}

  void report(Progress progress);

  std::string name;
  bool no_cache = false;
  std::filesystem::path work;
  std::list<ProgressSink> listeners;
  Progress latest;
  net::Scope scope;
  net::Event changed;
  std::size_t waiters = 0;
  bool cancelled = false;
  bool done = false;
  Result<ImageInfo> result;
};

struct EngineImages::State {
  State(Options given, docker::Engine& the_engine, net::Worker& worker,
        const net::asio::any_io_executor& executor)
      : options(std::move(given)), engine(the_engine), blocking(worker), scope(executor, "images") {}

  // builds.cpp: who waits for what.
  net::Task<Result<ImageInfo>> join_build(std::string name, bool no_cache, ProgressSink progress);
  net::Task<void> run_build(std::shared_ptr<Build> build);
  net::Task<void> supervise(std::shared_ptr<Build> build);
  net::Task<void> close();

  // recipe.cpp: how an image is made.
  net::Task<Result<ImageInfo>> make(std::shared_ptr<Build> build);
  net::Task<Result<ImageInfo>> make_base(std::shared_ptr<Build> build);
  net::Task<Result<ImageInfo>> make_image(std::shared_ptr<Build> build);
  net::Task<Result<ImageInfo>> pull_image(std::shared_ptr<Build> build, std::string image);
  net::Task<Result<void>> pull_base(std::shared_ptr<Build> build);
  net::Task<Result<void>> bootstrap_base(std::shared_ptr<Build> build);
  net::Task<Result<void>> need_base(std::shared_ptr<Build> build);
  Result<std::unique_ptr<ProgramSource>> start_program(std::shared_ptr<Build> build,
                                                       const std::string& program,
                                                       std::vector<std::string> args, std::uint64_t max);
  net::Task<Result<ImageInfo>> look_at(std::string name, std::string tag);

  // outdated.cpp
  net::Task<Result<std::vector<Outdated>>> outdated();

  // The variables by which programs of the host find their configuration.
  std::map<std::string, std::string> host_environment() const;

  Options options;
  docker::Engine& engine;
  net::Worker& blocking;
  net::Scope scope;
  Catalog catalog;
  std::map<std::string, std::shared_ptr<Build>> builds;
  bool closing = false;
};

}  // namespace brig::image
