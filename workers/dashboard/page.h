/* The files of the dashboard's page as HTTP sees them: address, kind, entity tag, packed form. Pure. */
#ifndef DASHBOARD_PAGE_H
#define DASHBOARD_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/answer.h"
#include "runtime/assets.h"

enum { PAGE_URL_MAX = 96 };

struct page_file {
    const struct asset *asset;
    const char *type;       /* Content-Type */
    char url[PAGE_URL_MAX]; /* index.html is "/", the others "/assets/NAME" */
    char tag[ANSWER_TAG_SIZE];
    void *packed; /* gzip; NULL: as large as it is */
    size_t packed_len;
};

/* False: its name has no kind that we serve or is too long, or out of memory. */
bool page_file_open(struct page_file *f, const struct asset *asset);
void page_file_close(struct page_file *f);

#endif
