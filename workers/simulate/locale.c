#include "simulate/locale.h"

#include <stdio.h>

#include "simulate/random.h"

#define N(list) (sizeof(list) / sizeof(list)[0])

static const unsigned us_areas[] = {201, 206, 212, 213, 303, 305, 312, 404, 415,
                                    425, 503, 512, 617, 646, 702, 713, 773, 917};
static const unsigned ca_areas[] = {403, 416, 514, 604, 613, 647, 778, 902};

static const struct locale locales[] = {
    {.country_code = "IN",
     .country = "India",
     .currency = "INR",
     .zone = "Asia/Kolkata",
     .offset_minutes = 330,
     .tax_titles = {"CGST", "SGST"},
     .tax_percent = 18,
     .cod_names = {"Cash on Delivery (COD)", "cash_on_delivery", "GoKwik COD"},
     .online_names = {"Razorpay", "shopify_payments", "paypal"},
     .cities = {{"Mumbai", "Maharashtra", "MH", "400001"},
                {"Bengaluru", "Karnataka", "KA", "560001"},
                {"Lucknow", "Uttar Pradesh", "UP", "226001"},
                {"Thiruvananthapuram", "Kerala", "KL", "695001"}}},
    {.country_code = "US",
     .country = "United States",
     .currency = "USD",
     .zone = "America/New_York",
     .offset_minutes = -300,
     .tax_titles = {"State Tax", "City Tax"},
     .tax_percent = 7,
     .cod_names = {"Cash on Delivery (COD)", "COD", "cash_on_delivery"},
     .online_names = {"shopify_payments", "paypal", "stripe"},
     .cities = {{"Houston", "Texas", "TX", "77002"},
                {"Nashville", "Tennessee", "TN", "37203"},
                {"Portland", "Oregon", "OR", "97201"},
                {"New York", "New York", "NY", "10001"}},
     .area_codes = us_areas,
     .n_area_codes = N(us_areas)},
    {.country_code = "AU",
     .country = "Australia",
     .currency = "AUD",
     .zone = "Australia/Sydney",
     .offset_minutes = 600,
     .tax_titles = {"GST", "GST (service)"},
     .tax_percent = 10,
     .cod_names = {"Cash on Delivery (COD)", "cod", "cash_on_delivery"},
     .online_names = {"shopify_payments", "paypal", "stripe"},
     .cities = {{"Sydney", "New South Wales", "NSW", "2000"},
                {"Melbourne", "Victoria", "VIC", "3000"},
                {"Brisbane", "Queensland", "QLD", "4000"},
                {"Perth", "Western Australia", "WA", "6000"}}},
    {.country_code = "CA",
     .country = "Canada",
     .currency = "CAD",
     .zone = "America/Toronto",
     .offset_minutes = -240,
     .tax_titles = {"GST", "PST"},
     .tax_percent = 13,
     .cod_names = {"Cash on Delivery (COD)", "cash_on_delivery", "COD"},
     .online_names = {"shopify_payments", "paypal", "stripe"},
     .cities = {{"Ottawa", "Ontario", "ON", "K1P 1J1"},
                {"Montréal", "Quebec", "QC", "H2Y 1C6"},
                {"Vancouver", "British Columbia", "BC", "V5K 0A1"},
                {"Calgary", "Alberta", "AB", "T2P 1J9"}},
     .area_codes = ca_areas,
     .n_area_codes = N(ca_areas)},
};

static const char *const first_names[] = {"Aarav", "Priya",  "Rahul", "Zoë",    "José",   "Anaïs",
                                          "Liam",  "Mia",    "Noah",  "Søren",  "अनिता",  "Wei",
                                          "小明",  "Olivia", "Kiran", "Fatima", "Jürgen", "Tess"};
static const char *const last_names[] = {
    "Sharma",       "Patel",   "O'Brien", "García", "Smith",     "Müller", "Iyer", "Nguyen",
    "van der Berg", "Łukasik", "शर्मा",    "王",     "Fernandes", "Okafor", "Kaur", "Brown"};
static const char *const makes[] = {"Aviator",  "Handloom", "Heritage", "Nordic",
                                    "Everyday", "Café",     "Monsoon",  "Outback"};
static const char *const goods[] = {
    "sunglasses",    "cotton kurta", "leather wallet", "wool scarf", "steel bottle 1/2 L",
    "espresso cups", "rain jacket",  "canvas tote",    "desk lamp",  "running shoes"};

const char *const sim_sizes[6] = {"XS", "S", "M", "L", "XL", "2XL / Tall"};

const struct locale *sim_locale(unsigned n)
{
    return &locales[n % N(locales)];
}

void sim_phone(const struct locale *l, uint32_t person, bool national, char out[SIM_PHONE_SIZE])
{
    unsigned n = (unsigned)(mix64(person) >> 8), area;

    if (l->area_codes != NULL) {
        area = l->area_codes[n % l->n_area_codes];
        snprintf(out, SIM_PHONE_SIZE, national ? "(%03u) 555-01%02u" : "+1%03u55501%02u", area,
                 n / 64 % 100);
    } else if (l->country_code[0] == 'I') {
        snprintf(out, SIM_PHONE_SIZE, national ? "98000 %05u" : "+9198000%05u", n % 100000);
    } else {
        snprintf(out, SIM_PHONE_SIZE, national ? "0491 570 %03u" : "+61491570%03u", n % 1000);
    }
}

const char *sim_first_name(uint32_t person)
{
    return first_names[mix64(person + 1) % N(first_names)];
}

const char *sim_last_name(uint32_t person)
{
    return last_names[mix64(person + 7) % N(last_names)];
}

const char *sim_product_title(uint32_t product, char *out, size_t size)
{
    uint64_t h = mix64(product + 3);

    snprintf(out, size, "%s %s %u", makes[h % N(makes)], goods[(h >> 16) % N(goods)], product);
    return out;
}
