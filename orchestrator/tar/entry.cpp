#include "tar/entry.hpp"

#include <string.h>

namespace brig::tar {
namespace {

constexpr std::size_t kNameField = 100;
constexpr char kZeros[kBlock * 2] = {};

// `width` digits and a NUL; in binary what does not fit.
void put_number(char* field, std::size_t width, std::uint64_t value) {
  std::size_t digits = width - 1;
  if (digits * 3 < 64 && value >> (digits * 3) != 0) {
    for (std::size_t i = width; i-- > 0; value >>= 8) field[i] = static_cast<char>(value & 0xFF);
    field[0] = static_cast<char>(0x80);
    return;
  }
  field[digits] = 0;
  for (std::size_t i = digits; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
}

void put_name(char* field, const char* name) {
  std::size_t length = strnlen(name, kNameField);
  memcpy(field, name, length);
}

bool write_head(Sink& sink, char type, const char* name, const char* target, std::uint32_t mode,
                std::uint64_t size, std::int64_t mtime) {
  char block[kBlock] = {};
  put_name(block, name);
  put_number(block + 100, 8, mode & 07777);
  put_number(block + 108, 8, 0);  // whose it is says the reader
  put_number(block + 116, 8, 0);
  put_number(block + 124, 12, size);
  put_number(block + 136, 12, mtime < 0 ? 0 : static_cast<std::uint64_t>(mtime));
  memset(block + 148, ' ', 8);
  block[156] = type;
  put_name(block + 157, target);
  memcpy(block + 257, "ustar  ", 8);
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  put_number(block + 148, 7, sum);
  return sink.write(block, kBlock);
}

bool write_long(Sink& sink, char type, const char* text) {
  std::size_t size = strlen(text) + 1;
  return write_head(sink, type, "././@LongLink", "", 0, size, 0) && sink.write(text, size) &&
         write_padding(sink, size);
}

std::size_t put_decimal(char* at, std::size_t value) {
  char digits[24];
  std::size_t n = 0;
  do digits[n++] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  for (std::size_t i = 0; i < n; ++i) at[i] = digits[n - 1 - i];
  return n;
}

}  // namespace

void Trouble::set(const char* what, int number, const char* where) {
  if (doing) return;
  doing = what;
  error = number;
  std::size_t length = strnlen(where, sizeof path - 1);
  memcpy(path, where, length);
  path[length] = 0;
}

bool write_padding(Sink& sink, std::uint64_t size) {
  auto over = static_cast<std::size_t>(size % kBlock);
  return over == 0 || sink.write(kZeros, kBlock - over);
}

bool write_entry(Sink& sink, const Entry& entry) {
  constexpr char kTypes[] = {'0', '5', '2', '1'};
  if (strlen(entry.target) > kNameField && !write_long(sink, 'K', entry.target)) return false;
  if (strlen(entry.name) > kNameField && !write_long(sink, 'L', entry.name)) return false;
  std::uint64_t size = entry.kind == Kind::file ? entry.size : 0;
  return write_head(sink, kTypes[static_cast<std::size_t>(entry.kind)], entry.name, entry.target, entry.mode,
                    size, entry.mtime);
}

// "LENGTH comment=TEXT\n", where LENGTH counts itself.
bool write_note(Sink& sink, const char* text) {
  constexpr std::size_t kMaxNote = 6000;
  char record[kMaxNote + 64];
  const char key[] = " comment=brig: ";
  std::size_t text_size = strnlen(text, kMaxNote);
  std::size_t rest = sizeof key - 1 + text_size + 1;
  std::size_t total = rest + 1;
  char digits[24];
  while (rest + put_decimal(digits, total) != total) ++total;
  std::size_t at = put_decimal(record, total);
  memcpy(record + at, key, sizeof key - 1);
  at += sizeof key - 1;
  for (std::size_t i = 0; i < text_size; ++i) record[at++] = text[i] == '\n' ? ' ' : text[i];
  record[at++] = '\n';
  return write_head(sink, 'g', "pax_global_header", "", 0644, at, 0) && sink.write(record, at) &&
         write_padding(sink, at);
}

bool write_end(Sink& sink) {
  return sink.write(kZeros, sizeof kZeros);
}

}  // namespace brig::tar
