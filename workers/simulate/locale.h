/* Countries, names and goods from which the simulated shops are made. */
#ifndef SIMULATE_LOCALE_H
#define SIMULATE_LOCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_PHONE_SIZE = 24 };

struct locale {
    const char *country_code, *country, *currency, *zone;
    int offset_minutes;
    const char *tax_titles[2]; /* each is half of the tax */
    unsigned tax_percent;
    const char *cod_names[3];    /* gateway names that mean cash on delivery here */
    const char *online_names[3]; /* known online payment */
    struct city {
        const char *city, *province, *province_code, *zip;
    } cities[4];
    const unsigned *area_codes; /* North America only */
    unsigned n_area_codes;
};

/* The store number `n` gets one of a few countries in turn. */
const struct locale *sim_locale(unsigned n);

/* A number that libphonenumber calls valid and that no person has: ranges kept free for fiction
 * (North America 555-01XX, Australia 0491 570 XXX) or, in India, which has none, the obviously
 * made-up 98000 00000 to 98000 99999. Somebody will one day point a dialer at simulated data. */
void sim_phone(const struct locale *l, uint32_t person, bool national, char out[SIM_PHONE_SIZE]);

const char *sim_first_name(uint32_t person);
const char *sim_last_name(uint32_t person);
const char *sim_product_title(uint32_t product, char *out, size_t size);
extern const char *const sim_sizes[6];

#endif
