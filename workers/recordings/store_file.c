/* A folder: <root>/<organization id>/<call id>.<ext>.
 *
 * Happy path: the file was collected in <root>/.incoming -> written to disk -> renamed to its place ->
 * the folder written to disk. Failures: whatever fails leaves the old state; what lies in .incoming
 * is the collector's to remove. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recordings/store.h"

enum { FOLDER_MODE = 0750, FILE_PATH_MAX = STORE_ROOT_MAX + STORE_PATH_MAX + 2 };

static bool complain(const char *what, char *error, size_t size)
{
    snprintf(error, size, "%s: %s", what, strerror(errno));
    return false;
}

/* Makes every folder of `path` up to its last slash. Changes and restores `path`. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        int rc;
        *slash = '\0';
        rc = mkdir(path, FOLDER_MODE);
        *slash = '/';
        if (rc != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool open_store(struct store *s, char *error, size_t size)
{
    char incoming[STORE_ROOT_MAX + 1];

    if (s->settings.read_only)
        return true;
    store_incoming(s, incoming);
    strcat(incoming, "/");
    if (make_folders(incoming) && access(incoming, W_OK | X_OK) == 0)
        return true;
    snprintf(error, size, "RINGBACK_RECORDINGS_STORE: cannot write to the folder %.100s: %s",
             s->root, strerror(errno));
    return false;
}

static bool sync_folder_of(char *path, char *error, size_t size)
{
    char *slash = strrchr(path, '/');
    int fd, rc;

    *slash = '\0';
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    if (fd < 0)
        return complain("open the folder", error, size);
    rc = fsync(fd);
    close(fd);
    return rc == 0 || complain("fsync of the folder", error, size);
}

static bool keep(const struct store *s, int fd, const char *temporary, const char *path,
                 char *error, size_t size)
{
    char target[FILE_PATH_MAX];

    snprintf(target, sizeof target, "%s/%s", s->root, path);
    if (fsync(fd) != 0)
        return complain("fsync", error, size);
    if (!make_folders(target))
        return complain("mkdir", error, size);
    if (rename(temporary, target) != 0)
        return complain("rename", error, size);
    return sync_folder_of(target, error, size);
}

static bool drop(const struct store *s, const char *path, char *error, size_t size)
{
    char target[FILE_PATH_MAX];

    snprintf(target, sizeof target, "%s/%s", s->root, path);
    if (unlink(target) != 0)
        return errno == ENOENT || errno == ENOTDIR || complain("unlink", error, size);
    return sync_folder_of(target, error, size);
}

const struct store_kind store_file = {
    .scheme = "file",
    .form = "file:///folder, an absolute path",
    .local = true,
    .open = open_store,
    .keep = keep,
    .drop = drop,
};
