#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/line_reader.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

Event event_of(const Json& json) {
  const Json& actor = at(json, "Actor");
  Event out{text_at(json, "Type"), text_at(json, "Action"), text_at(actor, "ID"), map_at(actor, "Attributes"),
            int_at(json, "timeNano")};
  if (out.time_ns == 0) out.time_ns = int_at(json, "time") % 9'000'000'000 * 1'000'000'000;
  return out;
}

class EventStream final : public Stream<Event> {
 public:
  EventStream(Transport& transport, Transfer transfer)
      : lines_(transport, std::move(transfer), "watch events") {}

  net::Task<Result<std::optional<Event>>> next() override {
    auto json = co_await lines_.next();
    if (!json) co_return std::move(json).error();
    if (!*json) co_return std::optional<Event>();
    co_return std::optional(event_of(**json));
  }

 private:
  LineReader lines_;
};

std::string seconds(std::int64_t ns) {
  std::string fraction = std::to_string(1'000'000'000 + ns % 1'000'000'000).substr(1);
  return std::to_string(ns / 1'000'000'000) + "." + fraction;
}

}  // namespace

net::Task<Result<std::unique_ptr<Stream<Event>>>> open_events(Transport& transport, EventFilter filter,
                                                              Deadline opening) {
  Query query("/events");
  if (filter.since_ns && *filter.since_ns >= 0) query.add("since", seconds(*filter.since_ns));
  query.filters({{"type", filter.types}, {"event", filter.actions}, {"label", filter.labels}});
  Call call{"GET", std::move(query).str(), "watch events", Deadline::never()};
  auto transfer = co_await transport.open(std::move(call), opening);
  if (!transfer) co_return std::move(transfer).error();
  co_return std::unique_ptr<Stream<Event>>(
      std::make_unique<EventStream>(transport, std::move(transfer).value()));
}

}  // namespace brig::docker
