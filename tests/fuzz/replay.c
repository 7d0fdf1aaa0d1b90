/* Runs a fuzz target on every file of its corpus, without libFuzzer: so the corpora, old findings among them, are
 * tested by every compiler and sanitizer. A target may say what its corpus never reached.
 *
 *   replay FOLDER */
#include <assert.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next thing that the door knows and no input has reached, or NULL; asked until it is NULL. */
const char *fuzz_unreached(void) __attribute__((weak));

static void feed(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *data;
    long size;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "rb");
    assert(f != NULL && fseek(f, 0, SEEK_END) == 0);
    size = ftell(f);
    rewind(f);
    data = malloc((size_t)size + (size == 0));
    assert(data != NULL && fread(data, 1, (size_t)size, f) == (size_t)size);
    fclose(f);
    printf("%s\n", name);
    fflush(stdout); /* the last line names who crashed */
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *file;
    unsigned inputs = 0, missing = 0;

    if (folder == NULL) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    while ((file = readdir(folder)) != NULL) {
        if (file->d_name[0] == '.')
            continue;
        feed(argv[1], file->d_name);
        inputs++;
    }
    closedir(folder);
    for (const char *what; fuzz_unreached != NULL && (what = fuzz_unreached()) != NULL; missing++)
        fprintf(stderr, "no input of the corpus reaches %s\n", what);
    printf("%u inputs\n", inputs);
    return inputs == 0 || missing > 0;
}
