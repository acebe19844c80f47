#include "image/program_source.hpp"

#include "core/units.hpp"

namespace brig::image {

net::Task<Result<std::size_t>> ProgramSource::read(std::span<std::byte> into) {
  if (error_) co_return *error_;
  auto n = co_await next(into);
  if (!n) error_ = n.error();
  co_return n;
}

net::Task<Result<std::size_t>> ProgramSource::next(std::span<std::byte> into) {
  if (ended_) co_return std::size_t{0};
  BRIG_CO_TRY(auto n, co_await process_->read(into));
  total_ += n;
  if (total_ > max_)
    co_return Error{Code::too_large,
                    name_ + " wrote more than " + format_size(max_) + "; something is wrong with it", "image",
                    false};
  if (n > 0) co_return n;
  BRIG_CO_TRY(auto finished, co_await process_->finish());
  if (!finished.ok()) co_return process::failure(name_, finished);
  ended_ = true;
  co_return std::size_t{0};
}

}  // namespace brig::image
