#include "doctor/evaluate.hpp"

#include "core/text.hpp"

namespace brig::doctor {

void evaluate_images(const Facts& facts, std::vector<Finding>& out) {
  // Without an engine there is nothing to say of its images; that finding stands already.
  if (facts.engine.error) return;
  if (facts.images_error) {
    out.push_back(bad("images", facts.images_error->message, "brig image ls"));
    return;
  }
  for (const auto& image : facts.images) {
    auto check = "image." + printable(image.provider, 64);
    auto build = "brig image build " + printable(image.provider, 64);
    if (!image.built) {
      out.push_back(good(check, "not built yet; its first use builds it, or `" + build + "` does now"));
    } else if (image.stale) {
      out.push_back(warning(check, "built from other sources or versions than the present ones", build));
    } else {
      out.push_back(good(check, "built and up to date"));
    }
  }
}

std::vector<Finding> evaluate(const Facts& facts) {
  std::vector<Finding> out;
  evaluate_engine(facts.engine, out);
  evaluate_host(facts.host, out);
  evaluate_images(facts, out);
  return out;
}

}  // namespace brig::doctor
