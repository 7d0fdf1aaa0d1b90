#include "runtime/watched_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool watched_file_changed(const struct watched_file *f)
{
    struct stat st;

    if (stat(f->path, &st) != 0)
        return false; /* in the middle of being replaced, or gone: what was read stays good */
    return st.st_dev != f->device || st.st_ino != f->inode || st.st_size != f->size ||
           st.st_mtim.tv_sec != f->changed.tv_sec || st.st_mtim.tv_nsec != f->changed.tv_nsec;
}

/* Up to `max` + 1 bytes, malloc'ed; NULL: *why says why. */
static char *read_all(int fd, size_t max, size_t *len, const char **why)
{
    char *text = malloc(max + 1);
    ssize_t n = 1;

    *len = 0;
    *why = "out of memory";
    while (text != NULL && n > 0 && *len <= max) {
        n = read(fd, text + *len, max + 1 - *len);
        if (n > 0)
            *len += (size_t)n;
    }
    if (text != NULL && n >= 0 && *len <= max)
        return text;
    if (text != NULL)
        *why = n < 0 ? strerror(errno) : "the file is too large";
    free(text);
    return NULL;
}

bool watched_file_read(struct watched_file *f, const char **why)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *text;
    size_t len;

    *why = "the file cannot be read";
    if (fd < 0 || fstat(fd, &st) != 0) {
        *why = strerror(errno);
        if (fd >= 0)
            close(fd);
        return false;
    }
    /* As it was before it was read: what is written meanwhile is seen as a change. */
    f->device = st.st_dev;
    f->inode = st.st_ino;
    f->size = st.st_size;
    f->changed = st.st_mtim;
    text = read_all(fd, f->max, &len, why);
    close(fd);
    if (text == NULL)
        return false;
    free(f->text);
    f->text = text;
    f->len = len;
    return true;
}

void watched_file_free(struct watched_file *f)
{
    free(f->text);
    f->text = NULL;
}
