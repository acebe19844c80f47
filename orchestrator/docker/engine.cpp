#include "docker/engine.hpp"

#include "docker/groups.hpp"

namespace brig::docker {
namespace {

class EngineClient final : public Engine {
 public:
  EngineClient(Endpoint endpoint, net::asio::any_io_executor executor)
      : transport_(std::move(endpoint), std::move(executor)),
        containers_(make_containers(transport_)),
        images_(make_images(transport_)),
        volumes_(make_volumes(transport_)),
        system_(make_system(transport_)) {}

  Containers& containers() override { return *containers_; }
  Images& images() override { return *images_; }
  Volumes& volumes() override { return *volumes_; }
  System& system() override { return *system_; }
  const Endpoint& endpoint() const override { return transport_.endpoint(); }

 private:
  Transport transport_;
  std::unique_ptr<Containers> containers_;
  std::unique_ptr<Images> images_;
  std::unique_ptr<Volumes> volumes_;
  std::unique_ptr<System> system_;
};

}  // namespace

Result<std::unique_ptr<Engine>> connect(Endpoint endpoint, net::asio::any_io_executor executor) {
  // Said once more, for endpoints that did not come by parse_endpoint().
  BRIG_CHECK(parse_endpoint(endpoint.str()));
  return std::unique_ptr<Engine>(std::make_unique<EngineClient>(std::move(endpoint), std::move(executor)));
}

}  // namespace brig::docker
