#include "daemon/resident.hpp"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace brig::daemon {
namespace {

int give_back(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (std::size_t i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    // Never what may be written, nor what was and is read-only since: its pages are in no file.
    if (part.p_type != PT_LOAD || part.p_flags != (PF_R | PF_X)) continue;
    auto begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
    auto end = (object->dlpi_addr + part.p_vaddr + part.p_memsz + page - 1) & ~(page - 1);
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void give_back_code() {
  ::dl_iterate_phdr(give_back, nullptr);
}

}  // namespace brig::daemon
