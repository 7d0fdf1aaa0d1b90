/* registry.c, and what every topic has in common: broken bodies, and too little memory. */
#include "handling.h"

static const char *const topics[] = {
#define TOPIC(name, handler) name,
#include "topics.def"
#undef TOPIC
};

enum { N_TOPICS = sizeof topics / sizeof *topics };

static void every_topic_of_the_contract_is_handled(void **state)
{
    static const char *const contract[] = {
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/cancelled",
        "orders/fulfilled",
        "orders/partially_fulfilled",
        "orders/edited",
        "orders/delete",
        "checkouts/create",
        "checkouts/update",
        "checkouts/delete",
        "products/create",
        "products/update",
        "products/delete",
        "customers/create",
        "customers/update",
        "customers/delete",
        "refunds/create",
        "shop/update",
        "app/uninstalled",
        "app/scopes_update",
        "bulk_operations/finish",
        "customers/data_request",
        "customers/redact",
        "shop/redact",
    };
    (void)state;
    for (size_t i = 0; i < sizeof contract / sizeof *contract; i++)
        assert_non_null(handler_for(contract[i]));
    assert_int_equal(N_TOPICS, sizeof contract / sizeof *contract);
    assert_null(handler_for("orders/unheard_of"));
    assert_null(handler_for("orders"));
    assert_null(handler_for(""));
}

static void some_topics_are_only_acknowledged(void **state)
{
    static const char *const acknowledged[] = {"orders/edited", "refunds/create",
                                               "bulk_operations/finish"};

    (void)state;
    for (size_t i = 0; i < sizeof acknowledged / sizeof *acknowledged; i++) {
        handle(acknowledged[i], "{'order_edit':{'id':1}}");
        assert_int_equal(handled.verdict, VERDICT_IGNORE);
        assert_int_equal(count_rows(&handled.rows), 0);
        handle(acknowledged[i], "{'order_edit'");
        expect_rejected("the body ends in the middle of its JSON");
    }
}

static void broken_bodies_are_rejected_by_every_topic(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"", "the body is empty"},
        {"{\"id\":1,\"token\":\"t\"", "the body ends in the middle of its JSON"},
        {"id=1&token=t", "the body is not valid JSON"},
        {"[]", "the body is not a JSON object"},
        {"\"text\"", "the body is not a JSON object"},
        {"{\"id\":1,\"token\":\"\xff\"}", "the body is not valid UTF-8"},
        {"{\"id\":1,\"token\":\"\x01\"}",
         "a control character stands unescaped in a string of the body"},
    };
    (void)state;
    for (size_t t = 0; t < N_TOPICS; t++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            handle_bytes(topics[t], cases[i].body, strlen(cases[i].body));
            expect_rejected(cases[i].reason);
        }
        handle_bytes(topics[t], "{\"id\":1,\"a\":\"\0\"}", 16);
        expect_rejected("a control character stands unescaped in a string of the body");
    }
}

static void a_deeply_nested_body_is_rejected(void **state)
{
    enum { DEPTH = 100000 };
    static char body[2 * DEPTH + 32];
    char *p = stpcpy(body, "{\"id\":1,\"properties\":");

    (void)state;
    memset(p, '[', DEPTH);
    memset(p + DEPTH, ']', DEPTH);
    p[2 * DEPTH] = '}';
    for (size_t t = 0; t < N_TOPICS; t++) {
        handle_bytes(topics[t], body, (size_t)(p - body) + 2 * DEPTH + 1);
        expect_rejected("the body is nested too deeply");
    }
}

/* A body in which every topic finds something. */
static const char rich[] =
    "{'id':7,'token':'tok','cart_token':'cart','checkout_token':'tok','name':'#1001','order_number'"
    ":1,'email':'a@x.in','phone':'+919800000001',"
    "'created_at':'2021-04-13T16:22:27+05:30','updated_at':'2021-04-13T16:41:15+05:30','currency':'"
    "INR','total_price':'1.00','note':'n\\u0000',"
    "'tags':'a,b','payment_gateway_names':['cod'],'current':['read_orders'],'country_code':'IN','"
    "iana_timezone':'Asia/Kolkata',"
    "'customer':{'id':9,'first_name':'A','last_name':'B','email':'c@x.in','phone':'+919800000002','"
    "tags':'x','default_address':{'city':'Pune'}},"
    "'shipping_address':{'name':'S','city':'\\ud800'},'billing_address':{'name':'B'},'orders_to_"
    "redact':[1,2],'data_request':{'id':3},"
    "'orders_requested':[4],'images':[{'src':'u'}],'variants':[{'id':1,'price':'2.00','weight':1.5}"
    ",{'id':2}],"
    "'line_items':[{'id':1,'quantity':1,'price':'1.00','title':'x'},{'quantity':2}],'abandoned_"
    "checkout_url':'u','title':'T','body_html':'D'}";

/* Every allocation fails once: nothing crashes, nothing half-done stays, and enough memory gives
 * the rows. */
static void handlers_survive_an_arena_of_any_size(void **state)
{
    char body[sizeof rich];

    (void)state;
    for (size_t i = 0; i < sizeof rich; i++)
        body[i] = rich[i] == '\'' ? '"' : rich[i];
    for (size_t t = 0; t < N_TOPICS; t++) {
        size_t memory = 0;
        for (handled.verdict = VERDICT_REJECT; handled.verdict == VERDICT_REJECT; memory += 16) {
            handle_event(test_event(topics[t], body, sizeof body - 1), memory);
            assert_true(memory < HANDLING_ARENA);
            if (handled.verdict == VERDICT_REJECT)
                expect_rejected("the event needs more memory than one event may have");
        }
        assert_false(rows_failed(&handled.rows));
    }
}

/* A rejected event in the middle of a batch leaves the rows of its neighbours as they are. */
static void a_rejected_event_takes_nothing_with_it(void **state)
{
    static const char *const bodies[] = {"{\"id\":1,\"line_items\":[{}]}",
                                         "{\"id\":2,\"line_items\":[{},{\"price\":\"x\"}]}",
                                         "{\"id\":3,\"line_items\":[{}]}"};
    static char memory[1 << 16] __attribute__((aligned(16)));
    struct arena arena;
    struct rows rows;

    (void)state;
    arena_init(&arena, memory, sizeof memory);
    rows_init(&rows, &arena);
    for (uint32_t i = 0; i < 3; i++) {
        char body[200] = "";
        struct event ev = test_event("orders/create", body, strlen(bodies[i]));
        strcpy(body, bodies[i]);
        rows_start_event(&rows, i);
        assert_int_equal(handler_for(ev.topic)(&ev, &rows),
                         i == 1 ? VERDICT_REJECT : VERDICT_STORE);
        assert_int_equal(rows.reason != NULL, i == 1);
        memset(body, 'x',
               sizeof body); /* rows must not point into the body: it is gone after the call */
    }
    assert_int_equal(rows.n[ROWSET_orders], 2);
    assert_int_equal(rows.n[ROWSET_order_items], 2);
    expect_text(row_at(&rows, ROWSET_orders, 0), COL_orders_external_order_id, "1");
    expect_text(row_at(&rows, ROWSET_orders, 1), COL_orders_external_order_id, "3");
    assert_int_equal(row_at(&rows, ROWSET_orders, 1)->event, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_of_the_contract_is_handled),
        cmocka_unit_test(some_topics_are_only_acknowledged),
        cmocka_unit_test(broken_bodies_are_rejected_by_every_topic),
        cmocka_unit_test(a_deeply_nested_body_is_rejected),
        cmocka_unit_test(handlers_survive_an_arena_of_any_size),
        cmocka_unit_test(a_rejected_event_takes_nothing_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
