/* Which partition an event belongs to, and the names of a partition's keys.
 * ringback:{N}:... : the hash tag keeps all keys of a partition in one Redis Cluster slot. */
#ifndef QUEUE_PARTITION_H
#define QUEUE_PARTITION_H

#include <stddef.h>
#include <stdint.h>

enum { PARTITIONS_MAX = 256, STREAM_KEY_MAX = 40 };

/* First four bytes (big-endian) of SHA-256(key); schema/ computes the same in route_hash(text).
 * Shop domains are hashed in lower case. */
uint32_t route_hash(const char *key, size_t len);

static inline unsigned partition_of(uint32_t hash, unsigned partitions)
{
    return hash % partitions;
}

void events_key(char out[STREAM_KEY_MAX], unsigned partition);   /* ringback:{N}:events */
void live_key(char out[STREAM_KEY_MAX], unsigned partition);     /* ringback:{N}:live */
void bus_key(char out[STREAM_KEY_MAX], unsigned partition);      /* ringback:{N}:bus */
void lease_key(char out[STREAM_KEY_MAX], unsigned partition);    /* ringback:{N}:lease */
void suspects_key(char out[STREAM_KEY_MAX], unsigned partition); /* ringback:{N}:suspects */
/* ringback:{N}:resync, a set: organizations that missed live updates and have not been told yet; "*": all of them. */
void resync_key(char out[STREAM_KEY_MAX], unsigned partition);

#define CONSUMER_GROUP "workers"
#define CONSUMER_NAME                                                                              \
    "owner" /* one name per partition: a new owner reads the partition's own pending entries */

#endif
