/* See start_pages.h.
 *
 * Reason: relocating eighteen libraries and setting OpenSSL up leaves 7 MB of code mapped, of which
 * the probing of seven endpoints needs 5: 10.3 MB resident become 8.2. It is what counts as
 * resident that gets less; the pages stay in the page cache, and the kernel may take them from
 * there when it is short of memory. It takes some 3 ms of CPU, once, pages that come back included.
 *
 * What is read only and private has not been written to since it was mapped (text relocations, of
 * which no library here has any, are left alone), so that dropping it loses nothing: it is in the
 * page cache, or in its file, whose inode stays when a package replaces it. */
#include "daemon/start_pages.h"

#include "daemon/util.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

/* The loader has written where this object may not: what it wrote has to stay. */
static bool
has_text_relocations(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type != PT_DYNAMIC) {
            continue;
        }
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells numbers
        for (const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + header->p_vaddr);
             entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL ||
                (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0)) {
                return true;
            }
        }
    }
    return false;
}

static int
on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    const uintptr_t page = *(const uintptr_t *)arg;

    (void)size;
    if (has_text_relocations(info)) {
        return 0;
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t start = (info->dlpi_addr + header->p_vaddr) & ~(page - 1);
        uintptr_t end = info->dlpi_addr + header->p_vaddr + header->p_memsz;

        if (header->p_type == PT_LOAD && (header->p_flags & PF_W) == 0) {
            // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells numbers
            (void)madvise((void *)start, end - start, MADV_DONTNEED);
        }
    }
    return 0;
}

void
start_pages_release(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)dl_iterate_phdr(on_object, &page);
}
