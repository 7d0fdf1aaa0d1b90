/* `ringback tenant create` and `ringback tenant connect-store`: what an operator does for a new
 * merchant. Both may be repeated: what is there stays, what is missing is added. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/hmac.h"
#include "base/seal.h"
#include "ops/commands.h"
#include "ops/flags.h"
#include "ops/query_pg.h"

enum { DOMAIN_MAX = 100, SECRET_MAX = 512, NAME_MAX_BYTES = 200 };

struct asked {
    const char *name, *timezone, *owner, *organization, *domain, *secret;
    bool secret_stdin, json;
};

static int complain(const char *text, const char *value)
{
    fprintf(stderr, "ringback tenant: ");
    fprintf(stderr, text, value);
    fputc('\n', stderr);
    return 2;
}

/* ---- create -------------------------------------------------------------------------------------
 */

static bool seed(PGconn *db, const char *organization)
{
    static const char *const files[] = {"schema/ops/tenant_agents.sql",
                                        "schema/ops/tenant_campaigns.sql",
                                        "schema/ops/tenant_links.sql"};
    PGresult *r;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        r = ops_query(db, "tenant", files[i], 1, &organization, NULL, NULL);
        if (r == NULL)
            return false;
        PQclear(r);
    }
    return true;
}

static bool print_seeded(PGconn *db, const char *organization, bool created, const struct asked *a)
{
    PGresult *r =
        ops_query(db, "tenant", "schema/ops/tenant_seeded.sql", 1, &organization, NULL, NULL);

    if (r == NULL)
        return false;
    if (a->json)
        printf("{\"created\":%s,%s\n", created ? "true" : "false", PQgetvalue(r, 0, 0) + 1);
    else
        printf(
            "%s organization %s \"%s\" (%s), owner %s\n"
            "campaigns, paused: Abandoned Cart Recovery, Order Confirmation, each with its agent\n",
            created ? "created" : "already there:", organization, a->name, a->timezone, a->owner);
    PQclear(r);
    return true;
}

static int create(PGconn *db, const struct asked *a)
{
    const char *values[] = {a->name, a->timezone, a->owner};
    char organization[40];
    bool created, ok;
    PGresult *r;

    if (!ops_run(db, "tenant", "BEGIN"))
        return 1;
    r = ops_query(db, "tenant", "schema/ops/tenant_organization.sql", 3, values, NULL, NULL);
    if (r == NULL)
        return 1;
    snprintf(organization, sizeof organization, "%s", PQgetvalue(r, 0, 0));
    created = PQgetvalue(r, 0, 1)[0] == 't';
    PQclear(r);
    ok = seed(db, organization) && ops_run(db, "tenant", "COMMIT") &&
         print_seeded(db, organization, created, a);
    return ok ? 0 : 1;
}

static int check_create(const struct asked *a)
{
    if (a->name == NULL || *a->name == '\0' || strlen(a->name) > NAME_MAX_BYTES)
        return complain("--name %s: the organization's name is needed, at most 200 bytes",
                        a->name != NULL ? a->name : "");
    if (a->timezone == NULL)
        return complain("--timezone is needed%s: an IANA name, such as Asia/Kolkata", "");
    if (a->owner == NULL || !flag_is_uuid(a->owner))
        return complain("--owner \"%s\" is not a UUID: it is the user's id, `sub` in their token",
                        a->owner != NULL ? a->owner : "");
    return 0;
}

/* ---- connect-store ------------------------------------------------------------------------------
 */

/* Shopify's rule: letters, digits and dashes before .myshopify.com. Domains are kept in lower case.
 */
static bool read_domain(const char *text, char out[DOMAIN_MAX])
{
    size_t n = strlen(text), tail = strlen(".myshopify.com");

    if (n <= tail || n >= DOMAIN_MAX || strcasecmp(text + n - tail, ".myshopify.com") != 0 ||
        !isalnum((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i <= n; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    return strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-") == n - tail;
}

/* The store's own secret, sealed. False: one line has been printed. */
static bool seal_secret(const struct config *config, const struct asked *a, char *sealed)
{
    char line[SECRET_MAX + 2] = "";
    const char *why = "RINGBACK_ENCRYPTION_KEY is needed to keep a store's secret";
    struct seal seal;
    size_t n;
    bool ok;

    if (a->secret_stdin && fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    else if (!a->secret_stdin)
        snprintf(line, sizeof line, "%s", a->secret);
    n = strcspn(line, "\r\n");
    if (n == 0 || n > SECRET_MAX) {
        complain("the store's secret is empty or longer than 512 bytes%s", "");
        return false;
    }
    ok = seal_init(&seal, CONFIG_TEXT(config, ENCRYPTION_KEY), &why) && seal.n > 0 &&
         seal_close(&seal, sealed, line, n, &why);
    if (!ok)
        complain("the secret cannot be sealed: %s", why);
    seal_wipe(&seal);
    bytes_wipe(line, sizeof line);
    return ok;
}

static void print_connected(const PGresult *r, const char *domain, const struct asked *a,
                            bool own_secret)
{
    bool created = PQgetvalue(r, 0, 1)[0] == 't';

    if (a->json)
        printf("{\"created\":%s,\"integration_id\":\"%s\",\"organization_id\":\"%s\",\"store_"
               "domain\":\"%s\"}\n",
               created ? "true" : "false", PQgetvalue(r, 0, 0), a->organization, domain);
    else
        printf("%s %s as %s; its webhooks are signed with %s\n",
               created ? "connected" : "already connected, updated:", domain, PQgetvalue(r, 0, 0),
               own_secret ? "its own secret" : "the secret it had, or the app's");
}

static int connect_store(PGconn *db, const struct config *config, const struct asked *a)
{
    static char sealed[SEAL_TEXT_SIZE(SECRET_MAX)];
    char domain[DOMAIN_MAX];
    bool own_secret = a->secret != NULL || a->secret_stdin, taken = false;
    const char *values[4] = {a->organization, domain, a->name, own_secret ? sealed : NULL};
    PGresult *r;
    int rc = 1;

    read_domain(a->domain, domain); /* was checked before */
    if (own_secret && !seal_secret(config, a, sealed))
        return 2;
    r = ops_query(db, "tenant", "schema/ops/connect_store.sql", 4, values, "23505", &taken);
    if (r == NULL && !taken)
        return 1;
    if (r == NULL || PQntuples(r) == 0) {
        complain("%s is connected to another organization: disconnect it there first", domain);
    } else {
        print_connected(r, domain, a, own_secret);
        rc = 0;
    }
    PQclear(r);
    return rc;
}

static int check_connect(const struct asked *a)
{
    char domain[DOMAIN_MAX];

    if (a->organization == NULL || !flag_is_uuid(a->organization))
        return complain("--organization \"%s\" is not a UUID",
                        a->organization != NULL ? a->organization : "");
    if (a->domain == NULL || !read_domain(a->domain, domain))
        return complain("--domain \"%s\" is not a store's domain, such as acme.myshopify.com",
                        a->domain != NULL ? a->domain : "");
    if (a->secret != NULL && a->secret_stdin)
        return complain("give --secret or --secret-stdin%s, not both", "");
    return 0;
}

/* ---- the command --------------------------------------------------------------------------------
 */

/* An organization that is not there is a person's mistake, not a foreign key's. */
static int organization_is_there(PGconn *db, const char *organization)
{
    PGresult *r =
        ops_query(db, "tenant", "schema/ops/tenant_seeded.sql", 1, &organization, NULL, NULL);
    int n = r == NULL ? -1 : PQntuples(r);

    PQclear(r);
    if (n == 0)
        complain("there is no organization %s: make one with `ringback tenant create`",
                 organization);
    return n;
}

static int command_run(const struct config *config, int argc, char **argv)
{
    struct asked a = {0};
    const struct flag create_flags[] = {{"name", FLAG_TEXT, &a.name, 0, 0},
                                        {"timezone", FLAG_TEXT, &a.timezone, 0, 0},
                                        {"owner", FLAG_TEXT, &a.owner, 0, 0},
                                        {"json", FLAG_SET, &a.json, 0, 0},
                                        {NULL, FLAG_SET, NULL, 0, 0}};
    const struct flag connect_flags[] = {{"organization", FLAG_TEXT, &a.organization, 0, 0},
                                         {"domain", FLAG_TEXT, &a.domain, 0, 0},
                                         {"name", FLAG_TEXT, &a.name, 0, 0},
                                         {"secret", FLAG_TEXT, &a.secret, 0, 0},
                                         {"secret-stdin", FLAG_SET, &a.secret_stdin, 0, 0},
                                         {"json", FLAG_SET, &a.json, 0, 0},
                                         {NULL, FLAG_SET, NULL, 0, 0}};
    bool creating = argc > 1 && strcmp(argv[1], "create") == 0;
    char error[FLAG_ERROR_MAX];
    PGconn *db;
    int rc;

    if (!creating && (argc < 2 || strcmp(argv[1], "connect-store") != 0))
        return complain("say what to do: create or connect-store%s", "");
    if (!flags_read(creating ? create_flags : connect_flags, argc, argv, 2, error))
        return complain("%s", error);
    rc = creating ? check_create(&a) : check_connect(&a);
    if (rc != 0)
        return rc;
    db = ops_connect(config, "tenant");
    if (db == NULL)
        return 1;
    if (creating)
        rc = create(db, &a);
    else
        rc = organization_is_there(db, a.organization) == 1 ? connect_store(db, config, &a) : 1;
    PQfinish(db);
    return rc;
}

const struct command command_tenant = {
    .name = "tenant",
    .usage = "create --name NAME --timezone ZONE --owner UUID [--json]\n"
             "       ringback tenant connect-store --organization UUID --domain X.myshopify.com "
             "[--name NAME]\n"
             "                                     [--secret S | --secret-stdin] [--json]",
    .help = "a new organization with its owner, paused campaigns and agents; or a hand-made store "
            "with its secret",
    .run = command_run,
};
