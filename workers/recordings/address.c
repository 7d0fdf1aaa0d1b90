#include "recordings/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

struct block {
    uint8_t ip[16];
    unsigned bits;
};

/* Not public. */
static const struct block v4[] = {
    {{0}, 8},             /* "this network" */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* carrier-grade NAT; clouds put services there */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local: the clouds' metadata services */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays, retired */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 3},           /* multicast, reserved, broadcast */
};

/* Not public inside 2000::/3; everything outside is not public anyway. */
static const struct block v6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, with Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: IPv4 in disguise, retired */
    {{0x3f, 0xff}, 20},             /* documentation */
};

static const struct block global_v6 = {{0x20}, 3};
/* IPv4 in the last four bytes. */
static const struct block mapped = {{[10] = 0xff, [11] = 0xff}, 96};
static const struct block nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};

static bool is_in(const uint8_t *ip, const struct block *b)
{
    unsigned whole = b->bits / 8, left = b->bits % 8;

    return memcmp(ip, b->ip, whole) == 0 &&
           (left == 0 || ((ip[whole] ^ b->ip[whole]) >> (8 - left)) == 0);
}

bool address_is_public_v4(const uint8_t ip[4])
{
    for (size_t i = 0; i < sizeof v4 / sizeof v4[0]; i++)
        if (is_in(ip, &v4[i]))
            return false;
    return true;
}

bool address_is_public_v6(const uint8_t ip[16])
{
    if (is_in(ip, &mapped) || is_in(ip, &nat64))
        return address_is_public_v4(ip + 12);
    for (size_t i = 0; i < sizeof v6 / sizeof v6[0]; i++)
        if (is_in(ip, &v6[i]))
            return false;
    return is_in(ip, &global_v6);
}

bool address_is_public(const struct sockaddr *a)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (a->sa_family == AF_INET) {
        memcpy(&in, a, sizeof in);
        return address_is_public_v4((const uint8_t *)&in.sin_addr);
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(&in6, a, sizeof in6);
    return address_is_public_v6(in6.sin6_addr.s6_addr);
}

bool address_text_is_public(const char *text)
{
    uint8_t ip[16];

    if (inet_pton(AF_INET, text, ip) == 1)
        return address_is_public_v4(ip);
    return inet_pton(AF_INET6, text, ip) == 1 && address_is_public_v6(ip);
}
