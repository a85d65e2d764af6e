/* Runs a fuzz target over every file of the folders named, and over random changes of each: so that the seeds and old
 * crashers are a test of every build. A folder that does not exist is skipped; no seed at all is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEED_MAX = 1 << 20, CHANGES = 500 };

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void run_changed(const uint8_t *seed, size_t len, uint8_t *room)
{
    uint32_t state = 2463534242u;

    for (int i = 0; i < CHANGES && len > 0; i++) {
        memcpy(room, seed, len);
        for (uint32_t n = next_random(&state) % 4 + 1; n > 0; n--)
            room[next_random(&state) % len] = (uint8_t)next_random(&state);
        LLVMFuzzerTestOneInput(room, i % 2 ? len : next_random(&state) % len);
    }
}

static int run_file(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *seed = malloc(SEED_MAX), *room = malloc(SEED_MAX);

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || !seed || !room) {
        perror(path);
        exit(1);
    }
    size_t len = fread(seed, 1, SEED_MAX, file);
    fclose(file);
    LLVMFuzzerTestOneInput(seed, len);
    run_changed(seed, len, room);
    free(seed);
    free(room);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));)
            if (entry->d_name[0] != '.')
                count += run_file(argv[i], entry->d_name);
        if (folder)
            closedir(folder);
    }
    printf("%d seeds\n", count);
    return count > 0 ? 0 : 1;
}
