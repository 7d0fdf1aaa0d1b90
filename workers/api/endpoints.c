/* Every endpoint of /v1, once. A new one is one row here and one file in schema/api/. */
#include "api/endpoint.h"

#define OUTCOMES "answered|no_answer|busy|failed|voicemail"
#define SENTIMENTS "positive|neutral|negative"
#define TRIGGER_READY "ready|missing_phone|not_applicable"
#define TONES "professional|friendly|casual|formal|empathetic"
#define WEEKDAYS "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
#define PERIODS "last_30_days|today|week|month|custom"

#define PARAMS(...)                                                                                \
    (const struct api_param[])                                                                     \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }

#define QUERY_UUID(n, h)                                                                           \
    {                                                                                              \
        .name = n, .type = API_UUID, .in = API_IN_QUERY, .help = h                                 \
    }
#define QUERY_ENUM(n, c, h)                                                                        \
    {                                                                                              \
        .name = n, .type = API_ENUM, .in = API_IN_QUERY, .choices = c, .help = h                   \
    }
#define QUERY_TIME(n, t, h)                                                                        \
    {                                                                                              \
        .name = n, .type = t, .in = API_IN_QUERY, .help = h                                        \
    }
#define SEARCH(h)                                                                                  \
    {                                                                                              \
        .name = "search", .type = API_TEXT, .in = API_IN_QUERY, .max = 100, .help = h              \
    }
#define DATES(what)                                                                                \
    QUERY_TIME("date_from", API_DAY_OR_TIME,                                                       \
               what " from this day (in the organization's time zone) or moment on"),              \
        QUERY_TIME("date_to", API_DAY_OR_TIME, what " to the end of this day, or to this moment")
#define PERIOD                                                                                     \
    {.name = "period",                                                                             \
     .type = API_ENUM,                                                                             \
     .in = API_IN_QUERY,                                                                           \
     .choices = PERIODS,                                                                           \
     .fallback = "last_30_days",                                                                   \
     .help = "days in the organization's time zone; week and month are the last 7 and 30 days "    \
             "including today; custom needs date_from and date_to"},                               \
        QUERY_TIME("date_from", API_DAY, "first day of a custom period"),                          \
        QUERY_TIME("date_to", API_DAY, "last day of a custom period")

static const struct api_param campaign_schedule[] = {
    {.name = "days", .type = API_CHOICES, .choices = WEEKDAYS, .help = "when calls may be placed"},
    {.name = "start_time", .type = API_CLOCK, .help = "from"},
    {.name = "end_time", .type = API_CLOCK, .help = "to"},
    {.name = "timezone",
     .type = API_TEXT,
     .min = 1,
     .max = 64,
     .help = "IANA name, such as Asia/Kolkata"},
    {.name = NULL}};

static const struct api_param campaign_settings[] = {
    {.name = "max_attempts",
     .type = API_INT,
     .min = 1,
     .max = 20,
     .help = "calls to one person at most"},
    {.name = "call_recording", .type = API_BOOL, .help = "whether calls are recorded"},
    {.name = "retry_delay_minutes",
     .type = API_INT,
     .min = 0,
     .max = 43200,
     .help = "pause between two attempts"},
    {.name = NULL}};

/* What may be written of an agent. */
#define AGENT_NAME(must)                                                                           \
    {                                                                                              \
        .name = "name", .type = API_TEXT, .in = API_IN_BODY, .required = must, .min = 1,           \
        .max = 200, .help = "display name"                                                         \
    }
#define AGENT_LANGUAGE(otherwise)                                                                  \
    {                                                                                              \
        .name = "language", .type = API_TEXT, .in = API_IN_BODY, .min = 1, .max = 64,              \
        .fallback = otherwise, .help = "primary language"                                          \
    }
#define AGENT_TONE(otherwise)                                                                      \
    {                                                                                              \
        .name = "tone", .type = API_ENUM, .in = API_IN_BODY, .choices = TONES,                     \
        .fallback = otherwise, .help = "how it speaks"                                             \
    }
#define AGENT_REST                                                                                 \
    {.name = "system_prompt",                                                                      \
     .type = API_TEXT,                                                                             \
     .in = API_IN_BODY,                                                                            \
     .nullable = true,                                                                             \
     .max = 100000,                                                                                \
     .help = "instructions for the model"},                                                        \
        {.name = "sentiment_rules",                                                                \
         .type = API_OBJECT,                                                                       \
         .in = API_IN_BODY,                                                                        \
         .help = "rules for positive, neutral and negative"},                                      \
    {                                                                                              \
        .name = "voice_settings", .type = API_OBJECT, .in = API_IN_BODY,                           \
        .help = "of the voice provider: provider_agent_id, phone_number, speed, pitch ..."         \
    }

/* The columns of the rows: method, path, file, what it is for, its group. */
const struct api_endpoint api_endpoints[] = {
    /* ---- campaigns ---- */
    {"GET", "/v1/campaigns", "campaigns_list", "Campaigns with their agents", "Campaigns",
     .status = 200, .answer = API_ANSWER_LIST, .schema = "CampaignSummary",
     .sorts = "updated_at|created_at|name", .limit = API_LIMIT_MAX},
    {"GET", "/v1/campaigns/:id", "campaigns_get", "A campaign, all of it", "Campaigns",
     .status = 200, .schema = "Campaign"},
    {"PATCH", "/v1/campaigns/:id/status", "campaigns_status", "Switch a campaign on or off",
     "Campaigns", .status = 200, .schema = "Campaign",
     .params = PARAMS({.name = "status",
                       .type = API_ENUM,
                       .in = API_IN_BODY,
                       .required = true,
                       .choices = "running|paused",
                       .help = "only running and paused campaigns can be switched"})},
    {"PATCH", "/v1/campaigns/:id/settings", "campaigns_settings", "Tune a campaign", "Campaigns",
     .status = 200, .schema = "Campaign", .some = true,
     .params = PARAMS({.name = "concurrency",
                       .type = API_INT,
                       .in = API_IN_BODY,
                       .min = 1,
                       .max = 1000,
                       .help = "calls at the same time at most"},
                      {.name = "schedule",
                       .type = API_OBJECT,
                       .in = API_IN_BODY,
                       .fields = campaign_schedule,
                       .help = "calling hours; what is not named stays as it is"},
                      {.name = "settings",
                       .type = API_OBJECT,
                       .in = API_IN_BODY,
                       .fields = campaign_settings,
                       .help = "what is not named stays as it is"})},
    {"POST", "/v1/campaigns/:id/agents", "campaign_agents_link", "Link an agent to a campaign",
     "Campaigns", .status = 201, .schema = "CampaignAgentLink",
     .params = PARAMS({.name = "agent_id",
                       .type = API_UUID,
                       .in = API_IN_BODY,
                       .required = true,
                       .help = "the agent"},
                      {.name = "is_primary",
                       .type = API_BOOL,
                       .in = API_IN_BODY,
                       .fallback = "false",
                       .help = "true: takes the place of the present primary agent"})},
    {"DELETE", "/v1/campaigns/:id/agents/:agent_id", "campaign_agents_unlink",
     "Unlink an agent from a campaign", "Campaigns", .status = 204, .answer = API_ANSWER_NOTHING},

    /* ---- agents ---- */
    {"GET", "/v1/agents", "agents_list", "Agents, with the number of campaigns they work in",
     "Agents", .status = 200, .answer = API_ANSWER_LIST, .schema = "AgentSummary",
     .sorts = "updated_at|created_at|name", .limit = API_LIMIT_MAX},
    {"GET", "/v1/agents/:id", "agents_get", "An agent, all of it", "Agents", .status = 200,
     .schema = "Agent"},
    {"POST", "/v1/agents", "agents_create", "Create an agent, as a draft", "Agents", .status = 201,
     .schema = "Agent",
     .params = PARAMS(AGENT_NAME(true), AGENT_LANGUAGE("English"), AGENT_TONE("professional"),
                      AGENT_REST)},
    {"PATCH", "/v1/agents/:id", "agents_update", "Change an agent", "Agents", .status = 200,
     .schema = "Agent", .some = true,
     .params = PARAMS(AGENT_NAME(false), AGENT_LANGUAGE(NULL), AGENT_TONE(NULL), AGENT_REST)},
    {"PATCH", "/v1/agents/:id/status", "agents_status", "Activate or deactivate an agent", "Agents",
     .status = 200, .schema = "Agent",
     .params = PARAMS({.name = "status",
                       .type = API_ENUM,
                       .in = API_IN_BODY,
                       .required = true,
                       .choices = "active|inactive",
                       .help = "an agent of a running campaign stays active"})},
    {"POST", "/v1/agents/:id/duplicate", "agents_duplicate", "Clone an agent, as a draft", "Agents",
     .status = 201, .schema = "Agent"},
    {"DELETE", "/v1/agents/:id", "agents_delete", "Delete an agent that no campaign is linked to",
     "Agents", .status = 204, .answer = API_ANSWER_NOTHING, .admin = true},

    /* ---- calls ---- */
    {"GET", "/v1/calls", "calls_list", "Calls", "Calls", .status = 200, .answer = API_ANSWER_LIST,
     .schema = "CallSummary", .sorts = "created_at|started_at|duration_seconds",
     .params = PARAMS(QUERY_UUID("campaign_id", "of this campaign"),
                      QUERY_UUID("agent_id", "of this agent"),
                      QUERY_ENUM("outcome", OUTCOMES, "with this outcome"),
                      QUERY_ENUM("sentiment", SENTIMENTS, "with this sentiment"),
                      QUERY_ENUM("status", "queued|ringing|in_progress|ended", "in this state"),
                      DATES("created"), SEARCH("part of a phone number"))},
    {"GET", "/v1/calls/:id", "calls_get",
     "A call with its agent, campaign, contact, recording and transcript", "Calls", .status = 200,
     .schema = "Call"},
    {"GET", "/v1/calls/:id/transcript", "calls_transcript", "What was said, in order", "Calls",
     .status = 200, .answer = API_ANSWER_ARRAY, .schema = "TranscriptLine"},
    {"GET", "/v1/calls/:id/recording", "calls_recording",
     "A link to the recording, good for an hour", "Calls", .status = 200, .answer = API_ANSWER_BARE,
     .schema = "RecordingLink", .link = true},

    /* ---- what the stores sell ---- */
    {"GET", "/v1/products", "products_list", "Products with their variants", "Products",
     .status = 200, .answer = API_ANSWER_LIST, .schema = "ProductSummary",
     .sorts = "updated_at|created_at|title",
     .params = PARAMS(QUERY_ENUM("status", "active|draft|archived", "with this status"),
                      {.name = "product_type",
                       .type = API_TEXT,
                       .in = API_IN_QUERY,
                       .max = 255,
                       .help = "of this category, exactly"},
                      SEARCH("part of the title or the vendor"))},
    {"GET", "/v1/products/:id", "products_get", "A product with its variants and its store",
     "Products", .status = 200, .schema = "Product"},
    {"GET", "/v1/orders", "orders_list", "Orders with their items", "Orders", .status = 200,
     .answer = API_ANSWER_LIST, .schema = "OrderSummary",
     .sorts = "order_created_at|created_at|total_amount",
     .params =
         PARAMS(QUERY_ENUM("payment_type", "cod|prepaid|unknown", "paid in this way"),
                QUERY_ENUM("trigger_ready", TRIGGER_READY, "whether the customer can be called"),
                QUERY_ENUM("financial_status", "pending|paid|refunded|partially_refunded|voided",
                           "with this financial status"),
                QUERY_ENUM("fulfillment_status", "unfulfilled|partial|fulfilled|restocked",
                           "with this fulfilment status"),
                DATES("placed"),
                SEARCH("part of the order's number, or of the customer's name or phone; with an @, of the e-mail"))},
    {"GET", "/v1/orders/:id", "orders_get", "An order with its items and its store", "Orders",
     .status = 200, .schema = "Order"},
    {"GET", "/v1/carts", "carts_list", "Abandoned carts with their items", "Carts", .status = 200,
     .answer = API_ANSWER_LIST, .schema = "CartSummary",
     .sorts = "abandoned_at|created_at|total_value",
     .params =
         PARAMS(QUERY_ENUM("status", "abandoned|recovered|expired", "with this status"),
                QUERY_ENUM("trigger_ready", TRIGGER_READY, "whether the customer can be called"),
                DATES("abandoned"),
                {.name = "min_value",
                 .type = API_DECIMAL,
                 .in = API_IN_QUERY,
                 .help = "worth at least this much, in the cart's currency"},
                SEARCH("part of the customer's name or phone; with an @, of the e-mail"))},
    {"GET", "/v1/carts/:id", "carts_get", "An abandoned cart with its items and its store", "Carts",
     .status = 200, .schema = "Cart"},

    /* ---- organization ---- */
    {"GET", "/v1/organization", "organization_get",
     "The organization that the request acts for: name, time zone, currency", "Organization",
     .status = 200, .schema = "Organization"},

    /* ---- integrations ---- */
    {"GET", "/v1/integrations", "integrations_list", "Connected stores", "Integrations",
     .status = 200, .answer = API_ANSWER_LIST, .schema = "Integration", .sorts = "created_at",
     .limit = API_LIMIT_MAX},
    {"GET", "/v1/integrations/:id", "integrations_get", "A connected store", "Integrations",
     .status = 200, .schema = "Integration"},
    {"DELETE", "/v1/integrations/:id", "integrations_disconnect",
     "Disconnect a store and forget its token", "Integrations", .status = 204,
     .answer = API_ANSWER_NOTHING, .admin = true},

    /* ---- analytics ---- */
    {"GET", "/v1/analytics/outcomes", "analytics_outcomes", "What the calls brought in",
     "Analytics", .status = 200, .answer = API_ANSWER_BARE, .schema = "Outcomes",
     .params = PARAMS(PERIOD)},
    {"GET", "/v1/analytics/calls", "analytics_calls", "Calls by day, week or campaign", "Analytics",
     .status = 200, .answer = API_ANSWER_ARRAY, .schema = "CallStatistics",
     .params = PARAMS(PERIOD, {.name = "group_by",
                               .type = API_ENUM,
                               .in = API_IN_QUERY,
                               .choices = "day|week|campaign",
                               .fallback = "day",
                               .help = "one row for each day, ISO week or campaign"})},
};

const size_t api_endpoints_n = sizeof api_endpoints / sizeof api_endpoints[0];
