/* Every bound of the realtime role, in one place. Times in milliseconds, sizes in bytes. */
#ifndef REALTIME_LIMITS_H
#define REALTIME_LIMITS_H

enum {
    /* a process */
    REALTIME_CONNECTIONS_MAX = 20000,
    ADDRESS_CONNECTIONS_MAX = 12000, /* of one address: generous, a proxy is one */
    REALTIME_DESCRIPTORS = 2 * REALTIME_CONNECTIONS_MAX, /* wanted of the operating system */
    REALTIME_SNDBUF = 64 * 1024, /* else the kernel buffers 1.7 MB for each sleeping client */
    REALTIME_WRITE_MAX =
        64 * 1024,       /* frames for one socket are joined into writes up to this size */
    DEFLATE_MIN = 256,   /* shorter frames are not compressed */
    PACE_SHARE_MS = 10,  /* so long the rows after the first one wait for others to share a write */
    PACE_CROWD = 256,    /* sockets; so many together wait with the first row already */
    PACE_LEARN_MS = 250, /* so long it is watched whether rows follow each other */
    PACE_BUSY = 200,     /* first rows in that time; with less there is nothing to be saved */
    PACE_READ_MS = 3, /* while they wait anyway: between two reads, which then bring several rows */
    REALTIME_LOOKUPS_MAX = 500,        /* users in one membership query */
    PARKED_ALL_MAX = 64 * 1024 * 1024, /* messages that wait for the keys of tokens */

    /* a socket */
    SESSION_CHANNELS_MAX = 100,       /* Supabase's limit */
    SESSION_FRAME_IN_MAX = 64 * 1024, /* a larger message closes the socket (1009) */
    SESSION_MALFORMED_MAX =
        20, /* messages that are no messages before the socket is closed (1008) */
    PARKED_BYTES_MAX = 256 * 1024, /* of one socket; more closes it (1013) */
    SESSION_FRAMES_PER_SECOND = 100,
    SESSION_FRAMES_BURST =
        1000, /* 100 channels that rejoin and send their tokens at once stay below */
    SESSION_JOINS_PER_SECOND = 50,
    SESSION_JOINS_BURST = 200,
    SESSION_PING_MS =
        30 * 1000, /* silence after which a PING goes out (a hidden tab answers PINGs only) */
    SESSION_IDLE_MS =
        100 * 1000, /* silence after which the socket is closed; browsers throttle timers to 60 s */
    OUTBOX_BYTES_MAX = 1024 * 1024, /* queued for one socket: more, and the channel must resync */
    OUTBOX_FRAMES_MAX = 4096,
    OUTBOX_CONFLATE = 512, /* queued frames from which on only the newest UPDATE of a row waits */
    OUTBOX_CONTROL_MAX = 1024, /* replies on top of that; more closes the socket */

    /* a channel */
    TOPIC_MAX = 512,
    REF_MAX = 32,
    EVENT_MAX = 32,
    BINDINGS_MAX = 100,
    BINDING_NAME_MAX = 128,  /* schema or table */
    SELECT_MAX = 4096,       /* bytes of one select */
    FILTER_MAX = 4096,       /* bytes of one filter */
    FILTER_TERMS_MAX = 8,    /* conditions joined by commas */
    FILTER_VALUES_MAX = 100, /* of one in.() */
    TOKEN_GRACE_MS = 600,    /* facts: 0.5 to 0.7 s converges with every client version */
    TOKEN_GRACE_MAX_MS =
        30 * 1000,               /* doubled up to here when a socket keeps coming without a token */
    EXPIRY_GRACE_MS = 75 * 1000, /* clients refresh 90 s before exp, on throttled 30 s ticks */
    REPLY_HOLD_MS = 250,         /* a join with a token waits this long for its memberships, so that
                                         "SUBSCRIBED" is true when the application hears it */
    MEMBERS_WAIT_MS = 10 * 1000,
    RESYNC_SPREAD_MS =
        3000, /* a resync of everybody is spread over this time: clients have no jitter */

    BROADCAST_EVENT_MAX = 256, /* an application's own event, with its NUL */
    PRESENCE_KEY_MAX = 256,    /* with its NUL */
    PRESENCE_META_MAX = 4096,  /* bytes of what one member tells about itself */
    ROOM_MEMBERS_MAX = 2000,   /* present in one topic of one tenant */
    PRESENCE_SHARE_MS = 50,    /* so long who came and left is gathered, to be told together */
    PRESENCE_TELL_BYTES = 256 * 1024, /* told of one topic at once: well below OUTBOX_BYTES_MAX */

    /* what clients that come back get */
    HISTORY_BYTES_MAX = 64 * 1024 * 1024,
    HISTORY_MS = 10 * 60 * 1000,
    HISTORY_FIRST_MS =
        2 * 60 *
        1000, /* read when the process starts, so that clients may come back after a restart */
    RESUME_KEY_SIZE = 64,
    RESUME_MARGIN_MS = 1000,        /* clocks of Redis servers differ */
    NOTES_RENEW_MS = 5 * 60 * 1000, /* between renewals of what is noted of a socket */
    RESUME_PING_MS = 15 * 1000,     /* between positions asked for while something is delivered */
    RESUME_REFRESH_MS = 60 * 1000,  /* and while nothing is */

    /* processes among each other */
    BUS_SYNC_BYTES = 32 * 1024, /* presence that one process tells at once */
    BUS_ALIVE_MS = 5000,        /* between signs of life of a process whose clients are present */
    BUS_SILENT_MS = 20 * 1000,  /* silence after which its clients are gone */
    BUS_NODES_MAX = 256,

    /* a tenant */
    TENANT_CHANNELS_MAX = 15000, /* seated in one process */
    TENANT_JOINS_PER_SECOND = 2000,
    TENANT_JOINS_BURST = 20000, /* all come back at once after a restart */

    /* a user */
    USER_ORGANIZATIONS_MAX = 32,
    MEMBERS_REFRESH_MS = 25 * 1000,
    MEMBERS_FRESH_MS = 30 * 1000, /* older knowledge admits nobody new */
    MEMBERS_STALE_MS =
        55 * 1000, /* older knowledge delivers nothing: a removed member is out within a minute */
    MEMBERS_RETRY_MS = 1000,
    MEMBERS_NEWS_MS = 1000, /* at most so often a user who joins is looked up anew */
};

#endif
