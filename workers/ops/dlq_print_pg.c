#include "ops/dlq_print_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/query_pg.h"
#include "worker/dead_letter.h"

enum { COLUMNS = 7, CELL_MAX = 160, KEY_MAX = 44, DETAIL_MAX = 110, NAME_WIDTH = 18 };

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT4 = 23,
    OID_JSONB = 3802
}; /* pg_type.dat */

static const char *value(const PGresult *r, int row, const char *column)
{
    int c = PQfnumber(r, column);

    return c < 0 || PQgetisnull(r, row, c) ? NULL : PQgetvalue(r, row, c);
}

/* ---- table ---- */

/* On one line, without what could move a terminal's cursor. Longer text is cut, with three dots. */
static void tidy(char out[CELL_MAX], const char *text, size_t most)
{
    size_t n = 0;

    if (text == NULL)
        text = "-";
    for (; text[n] != '\0' && n < most; n++)
        out[n] = (char)((unsigned char)text[n] < ' ' || text[n] == 0x7f ? ' ' : text[n]);
    while (n > 0 && n == most && ((unsigned char)text[n] & 0xC0) == 0x80)
        most = --n; /* not in the middle of a character */
    snprintf(out + n, CELL_MAX - n, "%s", text[n] == '\0' ? "" : "...");
}

static void cells_of(const PGresult *r, int row, char cell[COLUMNS][CELL_MAX])
{
    const char *source = value(r, row, "source"), *topic = value(r, row, "topic");
    char what[CELL_MAX];

    snprintf(what, sizeof what, "%.40s%s%.80s",
             source == NULL || strcmp(source, "shopify") == 0 ? "" : source,
             source == NULL || strcmp(source, "shopify") == 0 ? "" : " ",
             topic == NULL ? "-" : topic);
    tidy(cell[0], value(r, row, "id"), KEY_MAX);
    tidy(cell[1], value(r, row, "last_seen_at"), sizeof "2026-11-20 10:00:00" - 1);
    cell[1][sizeof "2026-11-20 10:00:00" - 1] = '\0';
    tidy(cell[2], value(r, row, "reason"), KEY_MAX);
    tidy(cell[3], what, KEY_MAX);
    tidy(cell[4], value(r, row, "key"), KEY_MAX);
    tidy(cell[5], value(r, row, "attempts"), KEY_MAX);
    tidy(cell[6], value(r, row, "detail"), DETAIL_MAX);
}

/* Characters, not bytes. */
static int width_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void print_row(char cell[COLUMNS][CELL_MAX], const int width[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++)
        printf("%s%*s", cell[c], c == COLUMNS - 1 ? 0 : width[c] - width_of(cell[c]) + 2, "");
    putchar('\n');
}

void dlq_print_table(const PGresult *r)
{
    char head[COLUMNS][CELL_MAX] = {"id",  "last seen", "reason", "topic",
                                    "key", "attempts",  "detail"};
    char cell[COLUMNS][CELL_MAX];
    int width[COLUMNS] = {0};

    for (int c = 0; c < COLUMNS; c++)
        width[c] = width_of(head[c]);
    for (int row = 0; row < PQntuples(r); row++) {
        cells_of(r, row, cell);
        for (int c = 0; c < COLUMNS; c++)
            width[c] = width_of(cell[c]) > width[c] ? width_of(cell[c]) : width[c];
    }
    if (PQntuples(r) > 0)
        print_row(head, width);
    for (int row = 0; row < PQntuples(r); row++) {
        cells_of(r, row, cell);
        print_row(cell, width);
    }
}

/* ---- JSON ---- */

static void print_value(const PGresult *r, int row, int column)
{
    const char *text = PQgetvalue(r, row, column);

    if (PQgetisnull(r, row, column)) {
        printf("null");
        return;
    }
    switch (PQftype(r, column)) {
    case OID_INT4:
    case OID_INT8:
    case OID_JSONB:
        printf("%s", text);
        break;
    case OID_BOOL:
        printf(*text == 't' ? "true" : "false");
        break;
    default:
        ops_json_text(text);
    }
}

/* All columns but the payload, without the closing brace. */
static void print_members(const PGresult *r, int row)
{
    putchar('{');
    for (int c = 0; c < PQnfields(r); c++) {
        if (PQftype(r, c) == OID_BYTEA)
            continue;
        if (c > 0)
            putchar(',');
        ops_json_text(PQfname(r, c));
        putchar(':');
        print_value(r, row, c);
    }
}

void dlq_print_json(const PGresult *r)
{
    printf("{\"dead_letters\":[");
    for (int row = 0; row < PQntuples(r); row++) {
        if (row > 0)
            putchar(',');
        print_members(r, row);
        putchar('}');
    }
    puts("]}");
}

/* ---- one letter ---- */

static void print_fields(const PGresult *r)
{
    for (int c = 0; c < PQnfields(r); c++)
        if (PQftype(r, c) != OID_BYTEA && !PQgetisnull(r, 0, c))
            printf("%-*s %s\n", NAME_WIDTH, PQfname(r, c), PQgetvalue(r, 0, c));
}

/* Text that a terminal can show: UTF-8 and no control characters but those of layout. */
static bool is_text(const unsigned char *bytes, size_t n)
{
    struct text t = {(const char *)bytes, n};
    struct arena none = {.base = NULL};

    for (size_t i = 0; i < n; i++)
        if ((bytes[i] < ' ' && strchr("\t\r\n", bytes[i]) == NULL) || bytes[i] == '\0' ||
            bytes[i] == 0x7f)
            return false;
    return utf8_fit(&none, t).p ==
           t.p; /* else it would have been copied, for which there is no room */
}

/* The payload's bytes with a NUL behind them, malloc'ed. NULL: out of memory. */
static char *payload_of(const char *hex, size_t *n)
{
    unsigned char *bytes = PQunescapeBytea((const unsigned char *)hex, n);
    char *copy = bytes == NULL ? NULL : calloc(1, *n + 1);

    if (copy != NULL)
        memcpy(copy, bytes, *n);
    PQfreemem(bytes);
    return copy;
}

static void print_letter_json(const PGresult *r, const char *hex, const char *payload, bool text)
{
    print_members(r, 0);
    printf(",\"%s\":", hex != NULL && !text ? "payload_hex" : "payload");
    if (hex == NULL)
        printf("null");
    else
        ops_json_text(text ? payload : hex + strlen("\\x"));
    puts("}");
}

bool dlq_print_letter(const PGresult *r, bool json)
{
    const char *hex = value(r, 0, "payload");
    size_t n = 0;
    char *payload = hex == NULL ? NULL : payload_of(hex, &n);
    bool text = payload != NULL && is_text((const unsigned char *)payload, n);

    if (hex != NULL && payload == NULL) {
        fprintf(stderr, "ringback dlq: out of memory\n");
        return false;
    }
    if (json) {
        print_letter_json(r, hex, payload, text);
    } else {
        print_fields(r);
        if (hex == NULL)
            puts("\nthe payload is not kept: it was redacted");
        else if (!text)
            printf("\nthe payload, %zu bytes, is no text: --json shows it in hex\n", n);
        else
            printf("\n%s\n", payload);
    }
    free(payload);
    return true;
}
