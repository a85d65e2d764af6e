/* A shared object as the dynamic linker would lay it out, from its bytes alone: nothing of it can run, and nothing that
 * it needs is loaded. Hostile files are refused, not followed. One thread at a time. */
#ifndef CORE_PLUGIN_ELF_IMAGE_H
#define CORE_PLUGIN_ELF_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *base;  /* owned; what its program headers describe, then a zero byte */
    size_t span; /* without that byte */
    const Elf64_Sym *symbols;
    size_t symbol_count;
    size_t names, names_size; /* where the names of symbols are */
} elf_image;

/* Lays PATH out and relocates its data. What belongs to another object becomes a pointer that is not NULL and outside
 * of the image. false: `error` is one sentence behind the name of the file. elf_close() after true. */
bool elf_open(const char *path, elf_image *ret, char *error, size_t error_size);
void elf_close(elf_image *image);

/* A symbol that it exports, of at least `size` bytes; NULL when there is none. */
const void *elf_find(const elf_image *image, const char *name, size_t size);
/* The first symbol that others must have, for which `has` says no; NULL when there is none. */
const char *elf_missing(const elf_image *image, bool (*has)(const char *name));
/* Do `size` bytes at `at` lie in the image? */
bool elf_holds(const elf_image *image, const void *at, size_t size);

#endif
