/* How dead letters look on a terminal and as JSON. */
#ifndef OPS_DLQ_PRINT_PG_H
#define OPS_DLQ_PRINT_PG_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Rows of dlq_list.sql. */
void dlq_print_table(const PGresult *r);
void dlq_print_json(const PGresult *r);

/* The row of dlq_show.sql. False: out of memory, one line was printed. */
bool dlq_print_letter(const PGresult *r, bool json);

#endif
