#include "cli/table.hpp"

#include <algorithm>
#include <cstdint>

#include "core/text.hpp"

namespace brig::cli {
namespace {

bool is_wide(std::uint32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0x1F300 && c <= 0x1F9FF) || (c >= 0x20000 && c <= 0x3FFFD);
}

bool is_combining(std::uint32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    std::size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    std::uint32_t c = n == 1 ? lead : lead & (0x7Fu >> n);
    for (std::size_t k = 1; k < n && i + k < text.size(); ++k)
      c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 63);
    i += n;
    width += is_combining(c) ? 0 : is_wide(c) ? 2 : 1;
  }
  return width;
}

void Table::add(std::vector<Cell> row) {
  for (auto& cell : row) cell.text = printable(cell.text, 512);
  row.resize(header_.size(), Cell(""));
  rows_.push_back(std::move(row));
}

std::string Table::text(const Style& style) const {
  std::vector<std::size_t> widths;
  for (const auto& title : header_) widths.push_back(display_width(title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i].text));
  }
  std::string out;
  auto put = [&](std::size_t column, std::string_view cell, Colour colour) {
    out += style.paint(colour, cell);
    if (column + 1 < widths.size()) out.append(widths[column] - display_width(cell) + 2, ' ');
  };
  auto end_line = [&] {
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  };
  for (std::size_t i = 0; i < header_.size(); ++i) put(i, header_[i], Colour::bold);
  end_line();
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) put(i, row[i].text, row[i].colour);
    end_line();
  }
  return out;
}

}  // namespace brig::cli
