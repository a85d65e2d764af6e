/* Which build of a plugin a file is. On the thread that asks. */
#include "core/crash/crashes.h"

#include "core/base/crypto.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS_MAX = 64, NOTES_MAX = 4096, DIGEST_FILE_MAX = 64 << 20, BUILD_BYTES = (CRASH_BUILD_SIZE - 1) / 2 };

static bool read_at(int fd, void *out, size_t len, uint64_t offset)
{
    char *at = out;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, at + done, len - done, (off_t)(offset + done));
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Among the notes of one part of the file: what the linker has written there. false: it is not there. */
static bool id_in_notes(const char *notes, size_t len, uint8_t out[BUILD_BYTES])
{
    Elf64_Nhdr head;
    for (size_t at = 0; at + sizeof head <= len;) {
        memcpy(&head, notes + at, sizeof head);
        size_t name = at + sizeof head;
        if (head.n_namesz > len || head.n_descsz > len)
            return false;
        size_t desc = name + (head.n_namesz + 3) / 4 * 4, end = desc + (head.n_descsz + 3) / 4 * 4;
        if (end > len)
            return false;
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
            head.n_descsz >= BUILD_BYTES) {
            memcpy(out, notes + desc, BUILD_BYTES);
            return true;
        }
        at = end;
    }
    return false;
}

/* By the linker's own id: a page is read, where a digest reads the file. */
static bool by_linker(int fd, uint8_t out[BUILD_BYTES])
{
    Elf64_Ehdr head;
    Elf64_Phdr parts[PARTS_MAX];
    char notes[NOTES_MAX];
    if (!read_at(fd, &head, sizeof head, 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof parts[0] || head.e_phnum > PARTS_MAX ||
        !read_at(fd, parts, head.e_phnum * sizeof parts[0], head.e_phoff))
        return false;
    for (unsigned i = 0; i < head.e_phnum; i++)
        if (parts[i].p_type == PT_NOTE && parts[i].p_filesz <= sizeof notes &&
            read_at(fd, notes, (size_t)parts[i].p_filesz, parts[i].p_offset) &&
            id_in_notes(notes, (size_t)parts[i].p_filesz, out))
            return true;
    return false;
}

static bool by_digest(int fd, uint8_t out[BUILD_BYTES])
{
    struct stat about;
    uint8_t digest[32];
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size <= 0 || about.st_size > DIGEST_FILE_MAX)
        return false;
    char *bytes = malloc((size_t)about.st_size);
    bool good = bytes && read_at(fd, bytes, (size_t)about.st_size, 0);
    if (good) {
        sw_sha256(bytes, (size_t)about.st_size, digest);
        memcpy(out, digest, BUILD_BYTES);
    }
    free(bytes);
    return good;
}

void crash_build_of(const char *path, char out[CRASH_BUILD_SIZE])
{
    uint8_t id[BUILD_BYTES];
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (by_linker(fd, id) || by_digest(fd, id))
        sw_hex(id, BUILD_BYTES, out);
    close(fd);
}
