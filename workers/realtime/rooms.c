/* What the members of a tenant tell each other on a topic: broadcasts, and who is present. Both go over the bus, which brings
 * them to every process, the sender's included; only then are they delivered, so that all see one order.
 *
 *   what the bus carries          data
 *   BROADCAST id j|b event        the payload, JSON or bytes; id: of the channel that sent it
 *   TRACK id count                {"k":key,"m":what the member tells}
 *   UNTRACK id                    -
 *   SYNC node FL                  [{"o","t","i","n","k","m"}]: all members of a process; F: the first part, L: the last
 *   HELLO node                    - a process begins, or missed something: the others tell it their members
 *   ALIVE node                    - a process whose members are present lives
 *
 * A topic belongs to one tenant: to the member's organization whose id it begins with, else to his oldest one. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "realtime/hub_state.h"
#include "runtime/jsontext.h"

enum { WHAT_MAX = 64 + BROADCAST_EVENT_MAX, VERSIONS = PROTOCOL_V2 + 1 };

#define NOBODY "00000000-0000-0000-0000-000000000000" /* of messages between processes */
#define PROCESSES "processes"

static bool publish(struct hub *h, const struct bus_message *m)
{
    return h->publish != NULL && h->publish(h->bus_ctx, m);
}

static bool tell_processes(struct hub *h, const char *what, struct text data)
{
    return publish(h, &(struct bus_message){NOBODY, PROCESSES, what, data, true});
}

/* ---- delivering ---- */

struct frames {
    struct frame *by_version[VERSIONS]; /* made when the first one needs it */
    bool made[VERSIONS];
};

static void frames_drop(struct frames *f)
{
    for (int v = 0; v < VERSIONS; v++)
        frame_unref(f->by_version[v]);
}

/* NULL frame: out of memory, the client must join anew. */
static void hand_out(struct channel *c, struct frame *f)
{
    struct session *s = c->session;

    if (f == NULL || !outbox_push(&s->outbox, f, c, 0)) {
        channel_fail_later(c);
        return;
    }
    session_row(s, s->hub->bus_now);
    s->hub->stats.queued++;
}

static bool listens(const struct channel *c, const struct organization *o, struct instant now)
{
    return channel_home(c) == o && c->fsm.state == CHANNEL_LIVE && now.ms < c->fsm.exp_at;
}

static struct frame *broadcast_frame(enum protocol_version v, const char *topic, const char *event,
                                     bool json, struct text data)
{
    struct frame_writer w;

    if (!json)
        return protocol_binary_broadcast(topic, event, data);
    frame_begin(&w);
    protocol_open(&w, v, TEXT("null"), TEXT("null"), topic, "broadcast");
    frame_puts(&w, "{\"type\":\"broadcast\",\"event\":");
    frame_string(&w, text_of(event));
    frame_puts(&w, ",\"payload\":");
    frame_text(&w, data);
    frame_puts(&w, "}");
    protocol_close(&w, v);
    return frame_finish(&w);
}

/* Version 1.0.0 has no form for bytes. */
static void deliver_broadcast(struct hub *h, const struct bus_message *m, uint64_t from, bool json,
                              const char *event, struct instant now)
{
    struct organization *o = hub_organization(h, m->organization_id);
    struct frames f = {{NULL}, {false}};

    for (struct audience *a = o == NULL ? NULL : o->audiences; a != NULL; a = a->next) {
        enum protocol_version v = a->shape->version;

        if (strcmp(a->shape->topic, m->topic) != 0 || (v == PROTOCOL_V1 && !json))
            continue;
        if (!f.made[v])
            f.by_version[v] = broadcast_frame(v, m->topic, event, json, m->data);
        f.made[v] = true;
        for (uint32_t i = 0; i < a->n; i++) {
            struct channel *c = a->channels[i];

            if (listens(c, o, now) && (c->id != from || c->to_self))
                hand_out(c, f.by_version[v]);
        }
    }
    frames_drop(&f);
}

static struct frame *diff_frame(enum protocol_version v, const struct room *room,
                                enum presence_part part)
{
    struct frame_writer w;

    frame_begin(&w);
    protocol_open(&w, v, TEXT("null"), TEXT("null"), room->topic, "presence_diff");
    frame_puts(&w, part == PRESENCE_LEAVES ? "{\"joins\":{},\"leaves\":" : "{\"joins\":");
    presence_put(&w, room, part);
    frame_puts(&w, part == PRESENCE_LEAVES ? "}" : ",\"leaves\":{}}");
    protocol_close(&w, v);
    return frame_finish(&w);
}

/* presence_cb. A channel without rights at this moment joins anew when it has them again, and is told all. */
static void on_presence(void *ctx, const struct room *room, enum presence_part part)
{
    struct hub *h = ctx;
    struct organization *o = hub_organization(h, room->organization);
    struct frames f = {{NULL}, {false}};

    for (struct audience *a = o == NULL ? NULL : o->audiences; a != NULL; a = a->next) {
        enum protocol_version v = a->shape->version;

        if (strcmp(a->shape->topic, room->topic) != 0)
            continue;
        for (uint32_t i = 0; i < a->n; i++) {
            struct channel *c = a->channels[i];

            if (!c->presence || channel_home(c) != o)
                continue;
            if (c->fsm.state != CHANNEL_LIVE) {
                (void)channel_step(&c->fsm, CHANNEL_WITHHELD, NULL, h->bus_now.ms);
                continue;
            }
            if (!f.made[v])
                f.by_version[v] = diff_frame(v, room, part);
            f.made[v] = true;
            hand_out(c, f.by_version[v]);
        }
    }
    frames_drop(&f);
}

void rooms_presence_due(struct hub *h, struct instant now)
{
    h->bus_now = now;
    presence_tell(&h->presence, on_presence, h);
    rooms_gather(h, now);
}

void rooms_gather(struct hub *h, struct instant now)
{
    if (presence_waits(&h->presence) && h->presence_due.pos == 0)
        deadline_set(&h->deadlines, &h->presence_due, now.ms + PRESENCE_SHARE_MS);
}

void rooms_tell_state(struct channel *c)
{
    const struct organization *o = channel_home(c);
    struct session *s = c->session;
    struct frame_writer w;

    frame_begin(&w);
    protocol_open(&w, s->version, text_of(c->join_ref), TEXT("null"), c->shape->topic,
                  "presence_state");
    presence_put(&w, o == NULL ? NULL : presence_room(&s->hub->presence, o->id, c->shape->topic),
                 PRESENCE_STATE);
    protocol_close(&w, s->version);
    session_send(s, frame_finish(&w));
}

/* ---- what clients say ---- */

static bool may_write(const struct channel *c, struct instant now)
{
    const struct organization *o = channel_home(c);

    return o != NULL && listens(c, o, now);
}

const char *rooms_broadcast(struct hub *h, const char *organization, const char *topic,
                            uint64_t from, bool json, const char *event, struct text data)
{
    char what[WHAT_MAX];

    if (event[0] == '\0')
        return "MalformedBroadcast: a broadcast needs an event";
    if (json && !jsontext_valid(data))
        return "MalformedBroadcast: the payload is not JSON";
    snprintf(what, sizeof what, "BROADCAST %" PRIx64 " %c %s", from, json ? 'j' : 'b', event);
    if (!publish(h, &(struct bus_message){organization, topic, what, data, false}))
        return "BroadcastUnavailable: try again";
    return NULL;
}

const char *channel_broadcast(struct channel *c, const struct message *m, struct instant now)
{
    char event[BROADCAST_EVENT_MAX];
    struct text data = m->data;

    if (!may_write(c, now))
        return "Unauthorized: You do not have permissions to write to this Channel topic";
    if (data.p != NULL)
        return rooms_broadcast(c->session->hub, channel_home(c)->id, c->shape->topic, c->id,
                               m->data_is_json, m->broadcast, data);
    if (!jsontext_string(jsontext_get(m->payload, "event"), event, sizeof event, NULL))
        event[0] = '\0';
    data = jsontext_get(m->payload, "payload");
    return rooms_broadcast(c->session->hub, channel_home(c)->id, c->shape->topic, c->id, true,
                           event, text_empty(data) ? TEXT("{}") : data);
}

static void put_member(struct frame_writer *w, const struct tracked *t)
{
    frame_puts(w, "\"k\":");
    frame_string(w, text_of(t->key));
    frame_puts(w, ",\"m\":");
    frame_puts(w, t->meta);
    frame_puts(w, "}");
}

static void tracked_free(struct tracked *t)
{
    *t->at = t->next;
    if (t->next != NULL)
        t->next->at = t->at;
    free(t->key);
    free(t->meta);
    free(t);
}

static struct tracked *tracked_new(struct channel *c)
{
    struct hub *h = c->session->hub;
    struct tracked *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    if (c->presence_key != NULL)
        t->key = strdup(c->presence_key);
    else if (asprintf(&t->key, "%08" PRIx32 "-0000-4000-8000-%012" PRIx64, h->node,
                      c->id & UINT32_MAX) < 0)
        t->key = NULL;
    if (t->key == NULL) {
        free(t);
        return NULL;
    }
    t->channel = c;
    t->next = h->tracked;
    t->at = &h->tracked;
    if (t->next != NULL)
        t->next->at = &t->next;
    h->tracked = t;
    return t;
}

static const char *track(struct channel *c, struct text meta)
{
    struct hub *h = c->session->hub;
    char what[WHAT_MAX], *copy;
    struct frame_writer w;
    struct frame *data;
    bool told;

    if (jsontext_kind(meta) != JSONTEXT_OBJECT)
        meta = TEXT("{}");
    if (meta.n > PRESENCE_META_MAX)
        return "PresenceTooLarge: a member may tell 4096 bytes";
    if ((copy = strndup(meta.p, meta.n)) == NULL ||
        (c->tracked == NULL && (c->tracked = tracked_new(c)) == NULL)) {
        free(copy);
        return "out of memory";
    }
    free(c->tracked->meta);
    c->tracked->meta = copy;
    c->tracked->count++;
    frame_begin(&w);
    frame_puts(&w, "{");
    put_member(&w, c->tracked);
    data = frame_finish(&w);
    snprintf(what, sizeof what, "TRACK %" PRIx64 " %" PRIu32, c->id, c->tracked->count);
    told = data != NULL && publish(h, &(struct bus_message){channel_home(c)->id, c->shape->topic,
                                                            what, frame_payload(data), true});
    frame_unref(data);
    if (!told)
        return "PresenceUnavailable: try again";
    rooms_schedule(h, h->bus_now);
    return NULL;
}

void rooms_untrack(struct channel *c)
{
    struct hub *h = c->session->hub;
    struct organization *o = channel_home(c);
    char what[WHAT_MAX];

    if (c->tracked == NULL)
        return;
    tracked_free(c->tracked);
    c->tracked = NULL;
    if (o == NULL)
        return;
    snprintf(what, sizeof what, "UNTRACK %" PRIx64, c->id);
    /* The other processes hear it by the SYNC that follows when the bus is back. */
    if (publish(h, &(struct bus_message){o->id, c->shape->topic, what, TEXT(""), true}))
        return;
    presence_drop(&h->presence, o->id, c->shape->topic, c->id);
    rooms_gather(h, h->bus_now);
}

const char *channel_presence(struct channel *c, const struct message *m, struct instant now)
{
    char event[EVENT_MAX];

    c->session->hub->bus_now = now;
    if (!jsontext_string(jsontext_get(m->payload, "event"), event, sizeof event, NULL))
        event[0] = '\0';
    if (strcmp(event, "untrack") == 0) {
        rooms_untrack(c);
        return NULL;
    }
    if (strcmp(event, "track") != 0)
        return "MalformedPresence: the event is neither track nor untrack";
    if (!may_write(c, now))
        return "Unauthorized: You do not have permissions to write to this Channel topic";
    return track(c, jsontext_get(m->payload, "payload"));
}

/* ---- processes among each other ---- */

/* Publishes a part and begins the next one. */
static void sync_part(struct hub *h, struct frame_writer *w, bool first, bool last)
{
    char what[WHAT_MAX];
    struct frame *data;

    frame_puts(w, "]");
    data = frame_finish(w);
    snprintf(what, sizeof what, "SYNC %" PRIx32 " %d%d", h->node, first, last);
    if (data != NULL)
        (void)tell_processes(h, what, frame_payload(data));
    frame_unref(data);
    frame_begin(w);
    frame_puts(w, "[");
}

static void sync_members(struct hub *h)
{
    struct frame_writer w;
    char number[64];
    bool first = true;

    frame_begin(&w);
    frame_puts(&w, "[");
    for (const struct tracked *t = h->tracked; t != NULL; t = t->next) {
        const struct channel *c = t->channel;

        frame_puts(&w, w.used > FRAME_HEADER_MAX + 1 ? ",{\"o\":\"" : "{\"o\":\"");
        frame_puts(&w, channel_home(c)->id);
        frame_puts(&w, "\",\"t\":");
        frame_string(&w, text_of(c->shape->topic));
        snprintf(number, sizeof number, ",\"i\":\"%" PRIx64 "\",\"n\":%" PRIu32 ",", c->id,
                 t->count);
        frame_puts(&w, number);
        put_member(&w, t);
        if (w.used < BUS_SYNC_BYTES)
            continue;
        sync_part(h, &w, first, false);
        first = false;
    }
    sync_part(h, &w, first, true);
    frame_unref(frame_finish(&w));
}

static void take_member(struct hub *h, struct text object)
{
    char organization[ORGANIZATION_ID_SIZE], topic[TOPIC_MAX], id[32], key[PRESENCE_KEY_MAX];
    struct text meta = jsontext_get(object, "m");
    int64_t count;

    if (jsontext_string(jsontext_get(object, "o"), organization, sizeof organization, NULL) &&
        jsontext_string(jsontext_get(object, "t"), topic, sizeof topic, NULL) &&
        jsontext_string(jsontext_get(object, "i"), id, sizeof id, NULL) &&
        jsontext_string(jsontext_get(object, "k"), key, sizeof key, NULL) &&
        jsontext_int(jsontext_get(object, "n"), &count) && jsontext_kind(meta) == JSONTEXT_OBJECT)
        (void)presence_set(&h->presence, organization, topic, strtoull(id, NULL, 16),
                           (uint32_t)count, text_of(key), meta);
}

static void take_sync(struct hub *h, uint32_t node, const char *parts, struct text list)
{
    struct jsontext_each each;
    struct text object;

    if (parts[0] == '1')
        presence_begin(&h->presence, node);
    for (jsontext_open(&each, list); jsontext_element(&each, &object);)
        take_member(h, object);
    if (parts[0] != '\0' && parts[1] == '1')
        presence_end(&h->presence, node);
}

static void take_track(struct hub *h, const struct bus_message *m, uint64_t id, const char *count)
{
    char key[PRESENCE_KEY_MAX];
    struct text meta = jsontext_get(m->data, "m");

    if (jsontext_string(jsontext_get(m->data, "k"), key, sizeof key, NULL) &&
        jsontext_kind(meta) == JSONTEXT_OBJECT)
        (void)presence_set(&h->presence, m->organization_id, m->topic, id,
                           (uint32_t)strtoul(count, NULL, 10), text_of(key), meta);
}

void rooms_schedule(struct hub *h, struct instant now)
{
    if (h->bus_due.pos == 0 && (h->tracked != NULL || h->presence.n_nodes > 0))
        deadline_set(&h->deadlines, &h->bus_due, now.ms + BUS_ALIVE_MS);
}

static void hear(struct hub *h, uint32_t node, struct instant now)
{
    if (node == h->node)
        return;
    presence_heard(&h->presence, node, now.ms);
    rooms_schedule(h, now);
}

void hub_bus(struct hub *h, const struct bus_message *m, struct instant now)
{
    char kind[16];
    unsigned long long number;
    const char *rest = m->what;
    int used = 0;

    h->bus_now = now;
    if (sscanf(m->what, "%15s %llx %n", kind, &number, &used) < 2)
        return;
    rest += used;
    if (strcmp(kind, "BROADCAST") == 0 && rest[0] != '\0' && rest[1] == ' ') {
        if (rest[0] == 'b' || jsontext_valid(m->data))
            deliver_broadcast(h, m, number, rest[0] == 'j', rest + 2, now);
    } else if (strcmp(kind, "UNTRACK") == 0) {
        presence_drop(&h->presence, m->organization_id, m->topic, number);
    } else if (strcmp(kind, "TRACK") == 0 && jsontext_valid(m->data)) {
        hear(h, (uint32_t)(number >> 32), now);
        take_track(h, m, number, rest);
    } else if (strcmp(kind, "SYNC") == 0 && jsontext_valid(m->data)) {
        hear(h, (uint32_t)number, now);
        take_sync(h, (uint32_t)number, rest, m->data);
    } else if (strcmp(kind, "ALIVE") == 0) {
        hear(h, (uint32_t)number, now);
    } else if (strcmp(kind, "HELLO") == 0 && number != h->node && h->tracked != NULL) {
        sync_members(h);
    }
    rooms_gather(h, now);
    hub_settle(h, now);
}

void hub_bus_up(struct hub *h, struct instant now)
{
    char what[WHAT_MAX];

    h->bus_now = now;
    snprintf(what, sizeof what, "HELLO %" PRIx32, h->node);
    (void)tell_processes(h, what, TEXT(""));
    sync_members(h);
}

void rooms_due(struct hub *h, struct instant now)
{
    char what[WHAT_MAX];

    h->bus_now = now;
    snprintf(what, sizeof what, "ALIVE %" PRIx32, h->node);
    if (h->tracked != NULL)
        (void)tell_processes(h, what, TEXT(""));
    (void)presence_expire(&h->presence, now.ms);
    rooms_gather(h, now);
    rooms_schedule(h, now);
}

bool rooms_init(struct hub *h)
{
    return presence_init(&h->presence);
}

void hub_use_bus(struct hub *h, uint32_t node, bus_publish_cb publish_cb, void *ctx)
{
    h->node = node;
    h->publish = publish_cb;
    h->bus_ctx = ctx;
}
