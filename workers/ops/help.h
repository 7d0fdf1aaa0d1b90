#ifndef OPS_HELP_H
#define OPS_HELP_H

#include <stdio.h>

#include "runtime/process.h"

/* The tables of main.c, for `ringback --help` and the README. Both NULL-terminated. */
void help_tables(const struct process *const *processes, const struct command *const *commands);

void help_overview(FILE *out);

/* Print to stdout; return the exit status 0. */
int help_process(const struct process *p);
int help_command(const struct command *c);

#endif
