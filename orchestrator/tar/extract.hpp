// Puts what an archive says beneath one directory, and nowhere else, whoever wrote the archive and whatever
// stands in the directory.
//
// Every directory on the way is opened by its name in the one before, never through a symbolic link, so no
// entry gets out, also if somebody moves things about meanwhile. A file appears under its name when it is
// whole: until then it is a hidden one beside it. Modes are kept without setuid, setgid and sticky bits;
// owners are not. A directory gets its mode and time when the archive has left it.
//
// Ownership: borrows the directory's descriptor. No heap. Threads: one. Failure: false; trouble() says why.
// What was extracted before it stays; the file that was not whole is removed.
#pragma once

#include "tar/path.hpp"
#include "tar/reader.hpp"

namespace brig::tar {

struct ExtractRule {
  // If set: the archive holds this one thing, and it becomes `rename` (a single name; "" if its content goes
  // into the directory itself). Anything not beneath it is refused.
  const char* top = nullptr;
  const char* rename = nullptr;
  bool hard_links = false;     // allowed, to what lies beneath the directory
  bool leaving_links = false;  // symbolic links may lead anywhere; else such are left out and noted
};

class Extractor final : public Handler {
 public:
  // Told what was left out ("symbolic link", "/etc/passwd"), and the archive's own notes (`text` alone).
  class Listener {
   public:
    virtual void left_out(const char* name, const char* target) = 0;
    virtual void note(const char* text, std::size_t size) = 0;

   protected:
    ~Listener() = default;
  };

  constexpr Extractor(int directory, ExtractRule rule, Listener& listener)
      : rule_(rule), listener_(listener), root_(directory) {}
  Extractor(const Extractor&) = delete;
  Extractor& operator=(const Extractor&) = delete;
  ~Extractor() { abandon(); }

  bool on_entry(const Entry& entry) override;
  bool on_data(const char* bytes, std::size_t size) override;
  bool on_entry_end() override;
  void on_note(const char* text, std::size_t size) override { listener_.note(text, size); }
  // The archive is at its end: what is left to do to directories.
  bool finish();
  // Takes away the file that is not whole.
  void abandon();

  const Trouble& trouble() const { return trouble_; }
  std::uint64_t entries() const { return entries_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Level {
    int fd = -1;
    std::size_t name_end = 0;  // in path_
    bool described = false;    // by an entry, and made for it: then these hold
    std::uint32_t mode = 0;
    std::int64_t mtime = 0;
    std::uint32_t nanoseconds = 0;
  };

  bool map_name(const char* name);
  bool enter_parent(const char*& leaf);
  bool enter(const char* name, std::size_t size, bool* made = nullptr);
  bool leave();
  bool make_directory(const Entry& entry, const char* leaf);
  bool make_file();
  bool make_symlink(const Entry& entry, const char* leaf);
  bool make_hard_link(const Entry& entry, const char* leaf);
  int directory() const { return depth_ == 0 ? root_ : levels_[depth_ - 1].fd; }
  bool fail(const char* doing, int error);
  bool refuse(const char* sentence);

  ExtractRule rule_;
  Listener& listener_;
  int root_;
  std::size_t depth_ = 0;
  Level levels_[kMaxDepth] = {};
  char path_[kMaxName] = {};  // of the directory we are in
  char name_[kMaxName] = {};  // of the present entry, as it will be
  char leaf_[256] = {};
  char part_[32] = {};  // what the file is called until it is whole; empty: none is open
  int file_ = -1;
  std::uint32_t mode_ = 0;
  std::int64_t mtime_ = 0;
  std::uint32_t nanoseconds_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  Trouble trouble_;
};

}  // namespace brig::tar
