// Aligned columns. Cells are text of strangers: they are made printable here, so that no caller can forget.
//
// Threads: one. Failure: none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output.hpp"

namespace brig::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  struct Cell {
    Cell(std::string_view t, Colour c = Colour::plain) : text(t), colour(c) {}
    Cell(const std::string& t, Colour c = Colour::plain) : text(t), colour(c) {}
    Cell(const char* t, Colour c = Colour::plain) : text(t), colour(c) {}
    std::string text;
    Colour colour;
  };
  void add(std::vector<Cell> row);
  std::string text(const Style& style) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

// Columns a terminal needs for `text`, which is printable UTF-8.
std::size_t display_width(std::string_view text);

}  // namespace brig::cli
