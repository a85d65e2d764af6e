/* The file format, see elf_image.h: 64-bit ELF of this machine's own kind. Every number of the file is checked before
 * it is used: a file may be cut, or made to harm whoever looks at it. */
#include "core/plugin/elf_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64, RELATIVE = R_X86_64_RELATIVE, ABSOLUTE = R_X86_64_64, GLOBAL = R_X86_64_GLOB_DAT };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64, RELATIVE = R_AARCH64_RELATIVE, ABSOLUTE = R_AARCH64_ABS64, GLOBAL = R_AARCH64_GLOB_DAT };
#else
#error "add the relocations of this machine"
#endif

/* In glibc's elf.h since 2.36. */
enum { TAG_RELR = 36, TAG_RELR_SIZE = 35 };

#define SPAN_MAX ((size_t)256 << 20)
enum { HEADERS_MAX = 64, WORD = sizeof(uint64_t) };

/* What the dynamic section says: addresses are offsets into the image. */
typedef struct {
    uint64_t symbols, names, names_size, hash, gnu_hash, rela, rela_size, relr, relr_size;
} dynamic;

static bool in_span(const elf_image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->span && size <= image->span - offset;
}

static bool complain(char *error, size_t error_size, const char *what)
{
    snprintf(error, error_size, "%s", what);
    return false;
}

/* All of `size` bytes at `offset` of the file. */
static bool read_at(int fd, void *out, size_t size, uint64_t offset)
{
    char *at = out;
    while (size > 0) {
        ssize_t n = offset > INT64_MAX ? -1 : pread(fd, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

static bool is_ours(const Elf64_Ehdr *head)
{
    const uint16_t probe = 1;
    unsigned char order = *(const unsigned char *)&probe ? ELFDATA2LSB : ELFDATA2MSB;
    return memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == ELFCLASS64 &&
           head->e_ident[EI_DATA] == order && head->e_type == ET_DYN && head->e_machine == MACHINE &&
           head->e_phentsize == sizeof(Elf64_Phdr) && head->e_phnum > 0 && head->e_phnum <= HEADERS_MAX;
}

/* Room for all parts, each copied to its place. Never executable. */
static bool lay_out(int fd, const Elf64_Phdr *parts, size_t count, elf_image *image)
{
    size_t span = 0;
    for (size_t i = 0; i < count; i++) {
        const Elf64_Phdr *p = &parts[i];
        if (p->p_type != PT_LOAD)
            continue;
        if (p->p_vaddr > SPAN_MAX || p->p_memsz > SPAN_MAX - p->p_vaddr || p->p_filesz > p->p_memsz)
            return false;
        if (p->p_vaddr + p->p_memsz > span)
            span = (size_t)(p->p_vaddr + p->p_memsz);
    }
    if (span == 0)
        return false;
    void *room = mmap(NULL, span + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return false;
    image->base = room;
    image->span = span;
    for (size_t i = 0; i < count; i++)
        if (parts[i].p_type == PT_LOAD &&
            !read_at(fd, image->base + parts[i].p_vaddr, (size_t)parts[i].p_filesz, parts[i].p_offset))
            return false;
    return true;
}

static bool read_dynamic(const elf_image *image, const Elf64_Phdr *parts, size_t count, dynamic *ret)
{
    const Elf64_Phdr *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (parts[i].p_type == PT_DYNAMIC)
            found = &parts[i];
    *ret = (dynamic){0};
    if (!found || !in_span(image, found->p_vaddr, found->p_memsz))
        return false;
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= found->p_memsz; at += sizeof(Elf64_Dyn)) {
        Elf64_Dyn row;
        memcpy(&row, image->base + found->p_vaddr + at, sizeof row);
        switch (row.d_tag) {
        case DT_NULL:
            return true;
        case DT_SYMTAB:
            ret->symbols = row.d_un.d_ptr;
            break;
        case DT_STRTAB:
            ret->names = row.d_un.d_ptr;
            break;
        case DT_STRSZ:
            ret->names_size = row.d_un.d_val;
            break;
        case DT_HASH:
            ret->hash = row.d_un.d_ptr;
            break;
        case DT_GNU_HASH:
            ret->gnu_hash = row.d_un.d_ptr;
            break;
        case DT_RELA:
            ret->rela = row.d_un.d_ptr;
            break;
        case DT_RELASZ:
            ret->rela_size = row.d_un.d_val;
            break;
        case TAG_RELR:
            ret->relr = row.d_un.d_ptr;
            break;
        case TAG_RELR_SIZE:
            ret->relr_size = row.d_un.d_val;
            break;
        default:
            break;
        }
    }
    return true;
}

/* ---- symbols ---- */

static uint32_t word32(const elf_image *image, uint64_t offset)
{
    uint32_t value = 0;
    if (in_span(image, offset, sizeof value))
        memcpy(&value, image->base + offset, sizeof value);
    return value;
}

/* How many symbols there are: no header says so, but the hash tables do. */
static size_t count_symbols(const elf_image *image, const dynamic *d)
{
    if (d->hash)
        return word32(image, d->hash + 4);
    if (!d->gnu_hash)
        return 0;
    uint64_t buckets = word32(image, d->gnu_hash), first = word32(image, d->gnu_hash + 4);
    uint64_t at = d->gnu_hash + 16 + (uint64_t)word32(image, d->gnu_hash + 8) * WORD, last = 0;
    if (!in_span(image, at, buckets * 4))
        return 0;
    for (uint64_t i = 0; i < buckets; i++) {
        uint32_t begin = word32(image, at + 4 * i);
        last = begin > last ? begin : last;
    }
    if (last < first)
        return first;
    uint64_t chain = at + 4 * buckets;
    while (in_span(image, chain + 4 * (last - first), 4) && (word32(image, chain + 4 * (last - first)) & 1) == 0)
        last++;
    return (size_t)last + 1;
}

static bool find_symbols(elf_image *image, const dynamic *d)
{
    size_t count = count_symbols(image, d);
    if (count > SPAN_MAX / sizeof(Elf64_Sym) || d->symbols % sizeof(uint64_t) != 0 ||
        !in_span(image, d->symbols, count * sizeof(Elf64_Sym)) || !in_span(image, d->names, d->names_size))
        return false;
    image->symbols = (const Elf64_Sym *)(const void *)(image->base + d->symbols);
    image->symbol_count = count;
    image->names = (size_t)d->names;
    image->names_size = (size_t)d->names_size;
    return true;
}

static const char *name_of(const elf_image *image, const Elf64_Sym *symbol)
{
    return symbol->st_name < image->names_size ? image->base + image->names + symbol->st_name : "";
}

const void *elf_find(const elf_image *image, const char *name, size_t size)
{
    for (size_t i = 0; i < image->symbol_count; i++) {
        const Elf64_Sym *s = &image->symbols[i];
        if (s->st_shndx != SHN_UNDEF && strcmp(name_of(image, s), name) == 0)
            return in_span(image, s->st_value, size) ? image->base + s->st_value : NULL;
    }
    return NULL;
}

const char *elf_missing(const elf_image *image, bool (*has)(const char *name))
{
    for (size_t i = 0; i < image->symbol_count; i++) {
        const Elf64_Sym *s = &image->symbols[i];
        if (s->st_shndx == SHN_UNDEF && ELF64_ST_BIND(s->st_info) == STB_GLOBAL && !has(name_of(image, s)))
            return name_of(image, s);
    }
    return NULL;
}

bool elf_holds(const elf_image *image, const void *at, size_t size)
{
    uintptr_t from = (uintptr_t)image->base, asked = (uintptr_t)at;
    return asked >= from && in_span(image, asked - from, size);
}

/* ---- relocations, of data alone: what jumps through a table is never called ---- */

static bool put_pointer(const elf_image *image, uint64_t offset, uint64_t value)
{
    if (!in_span(image, offset, WORD))
        return false;
    memcpy(image->base + offset, &value, WORD);
    return true;
}

static bool relocate_one(const elf_image *image, const Elf64_Rela *r)
{
    static const char ELSEWHERE = 0; /* stands for what other objects have */
    uint64_t base = (uint64_t)(uintptr_t)image->base, kind = ELF64_R_TYPE(r->r_info);
    size_t symbol = (size_t)ELF64_R_SYM(r->r_info);
    if (kind == RELATIVE)
        return put_pointer(image, r->r_offset, base + (uint64_t)r->r_addend);
    if (kind != ABSOLUTE && kind != GLOBAL)
        return true;
    if (symbol >= image->symbol_count)
        return false;
    const Elf64_Sym *s = &image->symbols[symbol];
    if (s->st_shndx != SHN_UNDEF)
        return put_pointer(image, r->r_offset, base + s->st_value + (uint64_t)r->r_addend);
    bool absent = ELF64_ST_BIND(s->st_info) == STB_WEAK;
    return put_pointer(image, r->r_offset, absent ? 0 : (uint64_t)(uintptr_t)&ELSEWHERE);
}

static bool shift(const elf_image *image, uint64_t offset)
{
    uint64_t value;
    if (!in_span(image, offset, WORD))
        return false;
    memcpy(&value, image->base + offset, WORD);
    return put_pointer(image, offset, value + (uint64_t)(uintptr_t)image->base);
}

/* The packed form: an address, then bitmaps of the 63 words behind it. */
static bool relocate_packed(const elf_image *image, const dynamic *d)
{
    uint64_t next = 0;
    if (!in_span(image, d->relr, d->relr_size))
        return false;
    for (uint64_t at = 0; at + WORD <= d->relr_size; at += WORD) {
        uint64_t entry;
        memcpy(&entry, image->base + d->relr + at, WORD);
        if ((entry & 1) == 0) {
            if (!shift(image, entry))
                return false;
            next = entry + WORD;
            continue;
        }
        for (unsigned bit = 1; bit < 64; bit++)
            if ((entry >> bit & 1) && !shift(image, next + (bit - 1) * WORD))
                return false;
        next += 63 * WORD;
    }
    return true;
}

static bool relocate(const elf_image *image, const dynamic *d)
{
    if (!in_span(image, d->rela, d->rela_size))
        return false;
    for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= d->rela_size; at += sizeof(Elf64_Rela)) {
        Elf64_Rela row;
        memcpy(&row, image->base + d->rela + at, sizeof row);
        if (!relocate_one(image, &row))
            return false;
    }
    return relocate_packed(image, d);
}

/* ---- all of it ---- */

static bool read_image(int fd, elf_image *image, char *error, size_t error_size)
{
    static const char BROKEN[] = "cannot be read: the file is cut or damaged";
    Elf64_Ehdr head;
    Elf64_Phdr parts[HEADERS_MAX];
    dynamic d;
    if (!read_at(fd, &head, sizeof head, 0) || !is_ours(&head))
        return complain(error, error_size, "is no shared object for this machine");
    if (!read_at(fd, parts, head.e_phnum * sizeof parts[0], head.e_phoff) || !lay_out(fd, parts, head.e_phnum, image))
        return complain(error, error_size, BROKEN);
    if (!read_dynamic(image, parts, head.e_phnum, &d) || !find_symbols(image, &d) || !relocate(image, &d))
        return complain(error, error_size, BROKEN);
    image->base[image->span] = '\0';
    return true;
}

bool elf_open(const char *path, elf_image *ret, char *error, size_t error_size)
{
    struct stat about;
    *ret = (elf_image){.base = NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        snprintf(error, error_size, "there is no readable file %s", path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool good = read_image(fd, ret, error, error_size);
    close(fd);
    if (!good)
        elf_close(ret);
    return good;
}

void elf_close(elf_image *image)
{
    if (image->base)
        munmap(image->base, image->span + 1);
    image->base = NULL;
}
