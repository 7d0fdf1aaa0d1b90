#include "api/plan.h"

#include <assert.h>
#include <stdio.h>

static void add(struct plan *p, struct api_param param)
{
    assert(p->n < API_PARAMS_MAX);
    p->params[p->n] = param;
    p->n++;
}

static void cut_path(struct plan *p, const char *path)
{
    while (*path == '/') {
        size_t n = strcspn(++path, "/");

        assert(p->n_segments < PLAN_SEGMENTS_MAX && n > 0 && n < PLAN_SEGMENT_MAX);
        snprintf(p->segments[p->n_segments], PLAN_SEGMENT_MAX, "%.*s", (int)n, path);
        if (*path == ':') {
            assert(p->n_path < PLAN_PATH_PARAMS_MAX);
            add(p, (struct api_param){.name = p->segments[p->n_segments] + 1,
                                      .type = API_UUID,
                                      .in = API_IN_PATH,
                                      .required = true});
            p->n_path++;
        }
        p->n_segments++;
        path += n;
    }
}

static const struct api_param of_lists[] = {
    {.name = "page",
     .type = API_INT,
     .in = API_IN_QUERY,
     .min = 1,
     .max = API_PAGE_MAX,
     .fallback = "1",
     .help = "which page, from 1"},
    {.name = "limit",
     .type = API_INT,
     .in = API_IN_QUERY,
     .min = 1,
     .max = API_LIMIT_MAX,
     .help = "rows of a page"},
    {.name = "sort", .type = API_ENUM, .in = API_IN_QUERY, .help = "what the rows are sorted by"},
    {.name = "order",
     .type = API_ENUM,
     .in = API_IN_QUERY,
     .choices = "desc|asc",
     .fallback = "desc",
     .help = "from the largest or the smallest on"},
};

/* "created_at|name" -> "created_at", in memory that stays. */
static void add_list(struct plan *p, const struct api_endpoint *e, char *first_sort, size_t size)
{
    p->list = true;
    p->page = p->n;
    add(p, of_lists[0]);
    p->limit = p->n;
    add(p, of_lists[1]);
    p->params[p->limit].fallback = e->limit == API_LIMIT_MAX ? "100" : "20";
    static_assert(API_LIMIT_MAX == 100 && API_LIMIT_DEFAULT == 20, "written out above");
    assert(e->limit == 0 || e->limit == API_LIMIT_MAX);
    p->sort = p->n;
    add(p, of_lists[2]);
    p->params[p->sort].choices = e->sorts;
    snprintf(first_sort, size, "%.*s", (int)strcspn(e->sorts, "|"), e->sorts);
    p->params[p->sort].fallback = first_sort;
    p->order = p->n;
    add(p, of_lists[3]);
    p->offset = p->n; /* computed; no client names it */
    add(p, (struct api_param){.name = "offset", .type = API_INT, .in = API_IN_PATH});
}

void plans_make(struct plans *p, const struct api_endpoint *endpoints, size_t n)
{
    static char first_sorts[API_ENDPOINTS_MAX][PLAN_SEGMENT_MAX];

    assert(n <= API_ENDPOINTS_MAX);
    *p = (struct plans){.n = (unsigned)n};
    for (unsigned i = 0; i < n; i++) {
        struct plan *plan = &p->plan[i];

        plan->endpoint = &endpoints[i];
        cut_path(plan, endpoints[i].path);
        for (const struct api_param *param = endpoints[i].params;
             param != NULL && param->name != NULL; param++) {
            plan->body |= param->in == API_IN_BODY;
            add(plan, *param);
        }
        if (endpoints[i].sorts != NULL)
            add_list(plan, &endpoints[i], first_sorts[i], sizeof first_sorts[i]);
        for (unsigned k = 0; k < plan->n; k++)
            plan->names[k] = plan->params[k].name;
    }
}

static bool fits(const struct plan *p, const struct text segments[], unsigned n, struct match *out)
{
    unsigned at = 0;

    if (n != p->n_segments)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (p->segments[i][0] == ':' && segments[i].n > 0)
            out->path[at++] = segments[i];
        else if (!text_equal(segments[i], text_of(p->segments[i])))
            return false;
    }
    return true;
}

void plans_match(const struct plans *p, const char *method, const char *path, struct match *out)
{
    struct text segments[PLAN_SEGMENTS_MAX + 1];
    unsigned n = 0;
    size_t used = 0;

    *out = (struct match){.plan = NULL};
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    while (*path == '/' && n <= PLAN_SEGMENTS_MAX) {
        segments[n] = (struct text){path + 1, strcspn(path + 1, "/")};
        path += 1 + segments[n++].n;
    }
    for (unsigned i = 0; i < p->n; i++) {
        const struct api_endpoint *e = p->plan[i].endpoint;

        if (!fits(&p->plan[i], segments, n, out))
            continue;
        if (strcmp(e->method, method) == 0) {
            out->plan = &p->plan[i];
            out->no = i;
            return;
        }
        if (used < sizeof out->allow)
            used += (size_t)snprintf(out->allow + used, sizeof out->allow - used, "%s%s",
                                     used > 0 ? ", " : "", e->method);
    }
}
