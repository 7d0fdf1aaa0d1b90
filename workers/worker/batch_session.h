/* Commands that every connection begins with on which batches are written: db_open()'s `setup`. */
#ifndef WORKER_BATCH_SESSION_H
#define WORKER_BATCH_SESSION_H

extern const char *const batch_session[];

#endif
