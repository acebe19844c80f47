#include "tar/path.hpp"

#include <string.h>

#include "tar/entry.hpp"

namespace brig::tar {
namespace {

constexpr std::size_t kMaxPiece = 255;

bool is_up(const Piece& piece) {
  return piece.size == 2 && piece.text[0] == '.' && piece.text[1] == '.';
}

}  // namespace

bool next_piece(const char*& path, Piece& piece) {
  while (true) {
    while (*path == '/') ++path;
    if (*path == 0) return false;
    piece.text = path;
    path = strchrnul(path, '/');
    piece.size = static_cast<std::size_t>(path - piece.text);
    if (piece.size != 1 || piece.text[0] != '.') return true;
  }
}

bool is_inner_path(const char* path) {
  if (*path == '/' || strnlen(path, kMaxName) == kMaxName) return false;
  Piece piece;
  std::size_t depth = 0;
  while (next_piece(path, piece)) {
    if (is_up(piece) || piece.size > kMaxPiece || ++depth > kMaxDepth) return false;
  }
  return true;
}

bool is_inner_target(const char* target, std::size_t depth) {
  if (*target == '/' || *target == 0) return false;
  Piece piece;
  bool down = false;
  while (next_piece(target, piece)) {
    if (!is_up(piece)) {
      down = true;
    } else if (down || depth-- == 0) {
      return false;
    }
  }
  return true;
}

bool base_name(const char* path, char* out) {
  std::size_t size = strlen(path);
  if (size >= kMaxName) return false;
  bool slash_dot = size >= 2 && path[size - 1] == '.' && path[size - 2] == '/';
  while (size > 0 && path[size - 1] == '/') --size;
  std::size_t begin = size;
  while (begin > 0 && path[begin - 1] != '/') --begin;
  Piece last{path + begin, size - begin};
  bool is_dot = last.size == 1 && last.text[0] == '.';
  if (size == 0 || slash_dot || is_dot || is_up(last)) {
    strcpy(out, ".");
    return true;
  }
  memcpy(out, last.text, last.size);
  out[last.size] = 0;
  return true;
}

}  // namespace brig::tar
