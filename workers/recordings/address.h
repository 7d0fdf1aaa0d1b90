/* Which addresses of the internet may be fetched from. A link comes from outside, and must not reach
 * what only this machine or its network can see. Pure. */
#ifndef RECORDINGS_ADDRESS_H
#define RECORDINGS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/* Whether the address is one that anybody on the internet can reach: IANA's special-purpose
 * registries (RFC 6890 and later) are not; IPv4 inside IPv6 counts as what it is. */
bool address_is_public_v4(const uint8_t ip[4]);
bool address_is_public_v6(const uint8_t ip[16]);

/* False also for what is neither IPv4 nor IPv6. */
bool address_is_public(const struct sockaddr *a);
/* The same of "192.0.2.1" or "2001:db8::1". */
bool address_text_is_public(const char *text);

#endif
