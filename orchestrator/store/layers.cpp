#include "store/layers.hpp"

#include "core/text.hpp"

namespace brig::store {

std::string text_of(const std::vector<LayerId>& layers) {
  std::string text;
  for (const auto& layer : layers) text += (text.empty() ? "" : " ") + layer.str();
  return text;
}

std::vector<LayerId> layers_of(std::string_view text) {
  std::vector<LayerId> layers;
  for (auto id : split(text, ' ')) {
    if (is_layer_id(id)) layers.emplace_back(std::string(id));
  }
  return layers;
}

}  // namespace brig::store
