// A tar archive as it comes, in pieces of any size, from anyone.
//
// Understood: ustar with prefixes, GNU's long names and binary numbers, pax's path, linkpath, size, mtime and
// comment. Refused, with a sentence: what is neither, sparse files, devices and pipes, links with content,
// names with NUL bytes, heads whose sum is wrong. Nothing is kept of what comes but one head and its names.
//
// Ownership: borrows the handler. No heap: about 50 KB of its own. Threads: one.
// Failure: false; then trouble() of the handler or the reader says why.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tar/entry.hpp"

namespace brig::tar {

class Handler {
 public:
  // False ends the reading. `entry` and its names are valid during the call.
  virtual bool on_entry(const Entry& entry) = 0;
  virtual bool on_data(const char* bytes, std::size_t size) = 0;
  virtual bool on_entry_end() = 0;  // after all of the entry's content
  virtual void on_note(const char* text, std::size_t size) = 0;

 protected:
  ~Handler() = default;
};

class Reader {
 public:
  explicit constexpr Reader(Handler& handler) : handler_(handler) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // What comes after the archive's end is passed over.
  bool feed(const char* bytes, std::size_t size);
  // No more comes. False if the archive was not at its end.
  bool finish();
  bool at_end() const { return state_ == State::end; }
  // Where the archive is at fault; not set if it was the handler that would not go on.
  const Trouble& trouble() const { return trouble_; }

 private:
  enum class State : std::uint8_t { head, content, extra, padding, end };
  static constexpr std::size_t kMaxExtra = 32 * 1024;

  bool take_head();
  bool take_extra();
  bool take_pax();
  bool take_pax_record(const char* key, std::size_t key_size, const char* value, std::size_t size);
  bool fill_entry(Entry& entry);
  bool begin_content(std::uint64_t size, State state);
  bool fail(const char* sentence);

  Handler& handler_;
  State state_ = State::head;
  char type_ = 0;            // of the present head
  std::size_t filled_ = 0;   // bytes of block_ or extra_ there are
  std::uint64_t left_ = 0;   // of the content
  std::size_t padding_ = 0;  // after it
  bool has_name_ = false;    // from an entry of its own, for the next head
  bool has_target_ = false;
  bool has_size_ = false;
  bool has_mtime_ = false;
  std::uint64_t pax_size_ = 0;
  std::int64_t pax_mtime_ = 0;
  std::uint32_t pax_nanoseconds_ = 0;
  char block_[kBlock] = {};
  char name_[kMaxName] = {};
  char target_[kMaxName] = {};
  char extra_[kMaxExtra + 1] = {};
  Trouble trouble_;
};

}  // namespace brig::tar
