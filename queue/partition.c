#include "partition.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

uint32_t route_hash(const char *key, size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    /* SHA-256 is built into libcrypto: this fails only when no memory is left at all. */
    int ok = EVP_Digest(key, len, digest, &n, EVP_sha256(), NULL);

    assert(ok == 1);
    assert(n == 32);
    return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
           digest[3];
}

static void key_of(char out[STREAM_KEY_MAX], unsigned partition, const char *what)
{
    int n;

    assert(partition < PARTITIONS_MAX);
    n = snprintf(out, STREAM_KEY_MAX, "ringback:{%u}:%s", partition, what);
    assert(n > 0 && n < STREAM_KEY_MAX);
}

void events_key(char out[STREAM_KEY_MAX], unsigned partition)
{
    key_of(out, partition, "events");
}

void live_key(char out[STREAM_KEY_MAX], unsigned partition)
{
    key_of(out, partition, "live");
}

void bus_key(char out[STREAM_KEY_MAX], unsigned partition)
{
    key_of(out, partition, "bus");
}

void lease_key(char out[STREAM_KEY_MAX], unsigned partition)
{
    key_of(out, partition, "lease");
}

void suspects_key(char out[STREAM_KEY_MAX], unsigned partition)
{
    key_of(out, partition, "suspects");
}

void resync_key(char out[STREAM_KEY_MAX], unsigned partition)
{
    key_of(out, partition, "resync");
}
