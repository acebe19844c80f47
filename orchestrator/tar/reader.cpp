#include "tar/reader.hpp"

#include <string.h>

namespace brig::tar {
namespace {

constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 62;

bool is_zero(const char* block) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (block[i] != 0) return false;
  }
  return true;
}

// Octal digits between spaces, up to a NUL; or, with the first bit set, binary. Negative times become 0.
bool get_number(const char* field, std::size_t width, std::uint64_t& value) {
  value = 0;
  auto first = static_cast<unsigned char>(field[0]);
  if (first & 0x80) {
    if (first == 0xFF) return true;
    if (first != 0x80) return false;
    for (std::size_t i = 1; i < width; ++i) {
      if (value >> 55 != 0) return false;
      value = value << 8 | static_cast<unsigned char>(field[i]);
    }
    return true;
  }
  std::size_t i = 0;
  while (i < width && field[i] == ' ') ++i;
  for (; i < width && field[i] >= '0' && field[i] <= '7'; ++i)
    value = value << 3 | static_cast<std::uint64_t>(field[i] - '0');
  return i == width || field[i] == ' ' || field[i] == 0;
}

bool sum_is_right(const char* block) {
  std::uint64_t said = 0;
  if (!get_number(block + 148, 8, said)) return false;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return sum == said;
}

bool is_key(const char* key, std::size_t size, const char* word) {
  return size == strlen(word) && memcmp(key, word, size) == 0;
}

bool copy_text(char* out, const char* text, std::size_t size) {
  if (size >= kMaxName || memchr(text, 0, size)) return false;
  memcpy(out, text, size);
  out[size] = 0;
  return true;
}

bool get_decimal(const char*& text, const char* end, std::uint64_t& value) {
  const char* begin = text;
  for (value = 0; text < end && *text >= '0' && *text <= '9'; ++text) {
    if (value > kMaxSize / 10) return false;
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
  }
  return text != begin;
}

}  // namespace

bool Reader::fail(const char* sentence) {
  trouble_.set(sentence, 0, name_);
  return false;
}

bool Reader::feed(const char* bytes, std::size_t size) {
  while (size > 0 && state_ != State::end) {
    std::size_t n = size;
    switch (state_) {
      case State::head:
        if (n > kBlock - filled_) n = kBlock - filled_;
        memcpy(block_ + filled_, bytes, n);
        filled_ += n;
        if (filled_ == kBlock && !take_head()) return false;
        break;
      case State::content:
        if (n > left_) n = static_cast<std::size_t>(left_);
        if (!handler_.on_data(bytes, n)) return false;
        left_ -= n;
        if (left_ == 0) {
          state_ = padding_ > 0 ? State::padding : State::head;
          if (!handler_.on_entry_end()) return false;
        }
        break;
      case State::extra:
        if (n > left_) n = static_cast<std::size_t>(left_);
        memcpy(extra_ + filled_, bytes, n);
        filled_ += n;
        left_ -= n;
        if (left_ == 0) {
          state_ = padding_ > 0 ? State::padding : State::head;
          if (!take_extra()) return false;
          filled_ = 0;
        }
        break;
      case State::padding:
        if (n > padding_) n = padding_;
        padding_ -= n;
        if (padding_ == 0) state_ = State::head;
        break;
      case State::end:
        break;
    }
    bytes += n;
    size -= n;
  }
  return true;
}

bool Reader::finish() {
  if (state_ == State::end) return true;
  return fail("the archive breaks off before its end");
}

bool Reader::begin_content(std::uint64_t size, State state) {
  left_ = size;
  padding_ = static_cast<std::size_t>((kBlock - size % kBlock) % kBlock);
  filled_ = 0;
  state_ = state;
  return true;
}

bool Reader::take_head() {
  filled_ = 0;
  if (is_zero(block_)) {
    if (has_name_ || has_target_ || has_size_) return fail("the archive ends after the name of an entry");
    state_ = State::end;
    return true;
  }
  if (memcmp(block_ + 257, "ustar", 5) != 0) return fail("this is no tar archive");
  if (!sum_is_right(block_)) return fail("the checksum of an entry's head is wrong");
  type_ = block_[156];
  std::uint64_t size = 0;
  if (!get_number(block_ + 124, 12, size) || size > kMaxSize) return fail("an entry has an impossible size");
  if (type_ == 'L' || type_ == 'K' || type_ == 'x' || type_ == 'g') {
    if (size == 0 || size > kMaxExtra) return fail("an entry's name or attributes are too long");
    return begin_content(size, State::extra);
  }
  Entry entry;
  entry.size = has_size_ ? pax_size_ : size;
  if (!fill_entry(entry)) return false;
  has_name_ = has_target_ = has_size_ = has_mtime_ = false;
  if (!handler_.on_entry(entry)) return false;
  if (entry.size == 0) return handler_.on_entry_end();
  return begin_content(entry.size, State::content);
}

bool Reader::fill_entry(Entry& entry) {
  if (!has_name_) {
    // ustar splits long names; GNU uses that field for other things.
    bool posix = block_[262] == 0;
    std::size_t prefix = posix ? strnlen(block_ + 345, 155) : 0;
    memcpy(name_, block_ + 345, prefix);
    if (prefix > 0) name_[prefix++] = '/';
    std::size_t size = strnlen(block_, 100);
    memcpy(name_ + prefix, block_, size);
    name_[prefix + size] = 0;
  }
  if (!has_target_) {
    std::size_t size = strnlen(block_ + 157, 100);
    memcpy(target_, block_ + 157, size);
    target_[size] = 0;
  }
  std::size_t length = strlen(name_);
  if (length == 0) return fail("an entry has no name");
  switch (type_) {
    case 0:
    case '0':
    case '7':
      entry.kind = name_[length - 1] == '/' ? Kind::directory : Kind::file;
      break;
    case '1':
      entry.kind = Kind::hard_link;
      break;
    case '2':
      entry.kind = Kind::symlink;
      break;
    case '5':
      entry.kind = Kind::directory;
      break;
    case '3':
    case '4':
    case '6':
      return fail("it is a device or a named pipe, which are not copied; leave it out of the archive");
    case 'S':
      return fail("it is a sparse file; make the archive without --sparse");
    default:
      return fail("it is of a kind that is not known here");
  }
  if (entry.kind != Kind::file && entry.size != 0) return fail("a directory or link has content");
  if ((entry.kind == Kind::symlink || entry.kind == Kind::hard_link) && target_[0] == 0)
    return fail("a link leads nowhere");
  std::uint64_t number = 0;
  if (!get_number(block_ + 100, 8, number)) return fail("an entry has an impossible mode");
  entry.mode = static_cast<std::uint32_t>(number & 07777);
  if (!get_number(block_ + 136, 12, number) || number > kMaxSize)
    return fail("an entry has an impossible time");
  entry.mtime = has_mtime_ ? pax_mtime_ : static_cast<std::int64_t>(number);
  entry.nanoseconds = has_mtime_ ? pax_nanoseconds_ : 0;
  entry.name = name_;
  entry.target = target_;
  return true;
}

bool Reader::take_extra() {
  if (type_ == 'x' || type_ == 'g') return take_pax();
  // The NUL at its end is part of it.
  std::size_t size = filled_;
  while (size > 0 && extra_[size - 1] == 0) --size;
  char* out = type_ == 'L' ? name_ : target_;
  if (size == 0 || !copy_text(out, extra_, size))
    return fail("an entry's name is too long, or has a NUL in it");
  (type_ == 'L' ? has_name_ : has_target_) = true;
  return true;
}

// Records "LENGTH KEY=VALUE\n".
bool Reader::take_pax() {
  const char* at = extra_;
  const char* end = extra_ + filled_;
  while (at < end) {
    const char* begin = at;
    std::uint64_t length = 0;
    if (!get_decimal(at, end, length) || at == end || *at != ' ' ||
        length > static_cast<std::uint64_t>(end - begin) || begin + length <= at + 1 ||
        begin[length - 1] != '\n') {
      return fail("an entry's attributes are malformed");
    }
    const char* key = at + 1;
    const char* stop = begin + length - 1;
    const auto* equals = static_cast<const char*>(memchr(key, '=', static_cast<std::size_t>(stop - key)));
    if (!equals) return fail("an entry's attributes are malformed");
    if (!take_pax_record(key, static_cast<std::size_t>(equals - key), equals + 1,
                         static_cast<std::size_t>(stop - equals - 1)))
      return false;
    at = begin + length;
  }
  return true;
}

bool Reader::take_pax_record(const char* key, std::size_t key_size, const char* value, std::size_t size) {
  if (is_key(key, key_size, "comment")) {
    std::size_t prefix = strlen(kNotePrefix);
    if (size >= prefix && memcmp(value, kNotePrefix, prefix) == 0)
      handler_.on_note(value + prefix, size - prefix);
    return true;
  }
  if (type_ == 'g') return true;  // defaults for all entries: none of those that matter make sense
  const char* at = value;
  const char* end = value + size;
  if (is_key(key, key_size, "path")) {
    has_name_ = true;
    return copy_text(name_, value, size) || fail("an entry's name is too long, or has a NUL in it");
  }
  if (is_key(key, key_size, "linkpath")) {
    has_target_ = true;
    return copy_text(target_, value, size) || fail("a link's target is too long, or has a NUL in it");
  }
  if (is_key(key, key_size, "size")) {
    has_size_ = true;
    return (get_decimal(at, end, pax_size_) && at == end && pax_size_ <= kMaxSize) ||
           fail("an entry has an impossible size");
  }
  if (is_key(key, key_size, "mtime")) {
    if (size > 0 && *value == '-') return true;
    std::uint64_t seconds = 0;
    if (!get_decimal(at, end, seconds)) return fail("an entry has an impossible time");
    has_mtime_ = true;
    pax_mtime_ = static_cast<std::int64_t>(seconds);
    pax_nanoseconds_ = 0;
    if (at < end && *at == '.') ++at;
    for (std::uint32_t unit = 100'000'000; at < end && *at >= '0' && *at <= '9'; ++at, unit /= 10)
      pax_nanoseconds_ += static_cast<std::uint32_t>(*at - '0') * unit;
    return at == end || fail("an entry has an impossible time");
  }
  if (key_size >= 10 && memcmp(key, "GNU.sparse", 10) == 0)
    return fail("it is a sparse file; make the archive without --sparse");
  return true;
}

}  // namespace brig::tar
