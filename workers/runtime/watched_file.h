/* A small file that is read whole, and again when it has changed. Its reading may block, as the disk of a machine does. */
#ifndef RUNTIME_WATCHED_FILE_H
#define RUNTIME_WATCHED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct watched_file {
    const char *path; /* borrowed */
    size_t max;       /* bytes; a larger file cannot be read */
    char *text;       /* of the last good reading; NULL: none yet */
    size_t len;
    /* What the file looked like when it was last read, whether that went well or not. */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* True: the file is not the one that was read last, or it was never read. */
bool watched_file_changed(const struct watched_file *f);
/* A reading that fails leaves the text that was there before; *why says why, errno is not needed to tell. */
bool watched_file_read(struct watched_file *f, const char **why);
void watched_file_free(struct watched_file *f);

#endif
