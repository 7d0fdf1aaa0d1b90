#include "dashboard/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/gzip.h"

static const struct kind {
    const char *suffix, *type;
} kinds[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
};

static const char *type_of(const char *name)
{
    const char *suffix = strrchr(name, '.');

    for (size_t i = 0; suffix != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(suffix, kinds[i].suffix) == 0)
            return kinds[i].type;
    return NULL;
}

bool page_file_open(struct page_file *f, const struct asset *asset)
{
    const char *slash = strrchr(asset->path, '/'), *name = slash == NULL ? asset->path : slash + 1;
    int n = strcmp(name, "index.html") == 0 ? snprintf(f->url, sizeof f->url, "/")
                                            : snprintf(f->url, sizeof f->url, "/assets/%s", name);

    f->asset = asset;
    f->type = type_of(name);
    if (f->type == NULL || n >= (int)sizeof f->url)
        return false;
    answer_tag(asset->data, asset->size, f->tag);
    f->packed =
        asset->size < GZIP_MIN ? NULL : gzip_compress(asset->data, asset->size, &f->packed_len);
    return true;
}

void page_file_close(struct page_file *f)
{
    free(f->packed);
    f->packed = NULL;
}
