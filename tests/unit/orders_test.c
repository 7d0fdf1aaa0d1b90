/* shopify/order.c and what it is made of: from a body to rows of orders, order_items, customers and
 * cart_keys. */
#include "handling.h"

static const struct row *order_of(const char *body)
{
    const struct rows *rows = handle("orders/create", body);

    if (handled.verdict != VERDICT_STORE)
        print_error("rejected: %s\n", rows->reason);
    expect_stored();
    assert_int_equal(rows->n[ROWSET_orders], 1);
    return row_at(rows, ROWSET_orders, 0);
}

static void an_order_becomes_a_row(void **state)
{
    const struct row *r = order_of(
        "{'id':3805979312288,'name':'#1001','order_number':1001,'email':'','contact_email':null,'"
        "phone':'+919800000001',"
        "'created_at':'2021-04-13T16:22:27+05:30','updated_at':'2021-04-13T16:41:15+05:30','closed_"
        "at':null,"
        "'cancelled_at':'2021-04-14T00:00:00Z','currency':'INR','presentment_currency':'usd','test'"
        ":true,"
        "'total_price':'400.00','current_total_price':'352.82','subtotal_price':'310.00','current_"
        "subtotal_price':'299.00',"
        "'total_tax':'60.00','current_total_tax':'53.82','total_discounts':'1.00','current_total_"
        "discounts':'0.00',"
        "'total_outstanding':'352.82','financial_status':'pending','fulfillment_status':'fulfilled'"
        ","
        "'payment_gateway_names':['Cash on Delivery (COD)'],'gateway':'Cash on Delivery "
        "(COD)','note':'ring\\r\\n\\ttwice',"
        "'tags':'new, vip ,,','source_name':'web','checkout_token':'6e7aa6','cart_token':'c1-22',"
        "'customer':{'id':5159189610656,'first_name':'Asha','last_name':'Rao','email':'asha@"
        "example.com'},"
        "'shipping_address':{'name':'S N','phone':'9800000002','country_code':'IN'},"
        "'billing_address':{'name':'B N','city':'Pune'},'line_items':[]}");

    (void)state;
    assert_memory_equal(r->v[COL_orders_integration_id].text.p, test_shop.integration_id, 16);
    assert_memory_equal(r->v[COL_orders_organization_id].text.p, test_shop.organization_id, 16);
    expect_text(r, COL_orders_external_order_id, "3805979312288");
    expect_text(r, COL_orders_order_number, "#1001");
    expect_text(r, COL_orders_external_customer_id, "5159189610656");
    expect_text(r, COL_orders_customer_name, "Asha Rao");
    expect_text(r, COL_orders_customer_email, "asha@example.com");
    expect_text(r, COL_orders_customer_phone, "+919800000001");
    expect_text(r, COL_orders_total_amount, "352.82");
    expect_text(r, COL_orders_subtotal, "299.00");
    expect_text(r, COL_orders_total_tax, "53.82");
    expect_text(r, COL_orders_total_discounts, "0.00");
    expect_text(r, COL_orders_total_outstanding, "352.82");
    expect_text(r, COL_orders_currency, "INR");
    expect_text(r, COL_orders_presentment_currency, "USD");
    expect_text(r, COL_orders_payment_type, "cod");
    expect_text(r, COL_orders_financial_status, "pending");
    expect_text(r, COL_orders_fulfillment_status, "fulfilled");
    expect_text(r, COL_orders_shipping_address,
                "{\"name\":\"S N\",\"phone\":\"9800000002\",\"country_code\":\"IN\"}");
    expect_text(r, COL_orders_billing_address, "{\"name\":\"B N\",\"city\":\"Pune\"}");
    expect_text(r, COL_orders_notes, "ring\r\n\ttwice");
    expect_text(r, COL_orders_tags, "[\"new\",\"vip\"]");
    expect_number(r, COL_orders_test, 1);
    expect_text(r, COL_orders_source_name, "web");
    expect_text(r, COL_orders_checkout_token, "6e7aa6");
    expect_text(r, COL_orders_cart_token, "c1-22");
    expect_number(r, COL_orders_order_created_at, at("2021-04-13T10:52:27Z"));
    expect_number(r, COL_orders_cancelled_at, at("2021-04-14T00:00:00Z"));
    expect_null(r, COL_orders_closed_at);
    expect_number(r, COL_orders_source_updated_at, at("2021-04-13T11:11:15Z"));
    expect_number(r, COL_orders_source_triggered_at, test_triggered_us);
}

static void an_order_of_nothing_but_an_id_is_enough(void **state)
{
    const struct row *r = order_of("{'id':1}");

    (void)state;
    expect_text(r, COL_orders_external_order_id, "1");
    expect_text(r, COL_orders_payment_type, "unknown");
    expect_text(r, COL_orders_financial_status, "pending");
    expect_text(r, COL_orders_fulfillment_status, "unfulfilled");
    expect_number(r, COL_orders_test, 0);
    expect_null(r, COL_orders_order_number);
    expect_null(r, COL_orders_customer_name);
    expect_null(r, COL_orders_total_amount);
    expect_null(r, COL_orders_shipping_address);
    expect_null(r, COL_orders_tags);
    expect_null(r, COL_orders_order_created_at);
    assert_int_equal(count_rows(&handled.rows), 1); /* no customer, no lines, no cart */
}

static void ids_are_text_and_exact(void **state)
{
    static const struct {
        const char *body, *id;
    } cases[] = {
        {"{'id':820982911946154508}", "820982911946154508"},
        {"{'id':'820982911946154508'}", "820982911946154508"},
        {"{'id':9223372036854775807}", "9223372036854775807"},
        {"{'id':18446744073709551616}", "18446744073709551616"},
        {"{'id':'  42 '}", "42"},
        {"{'id':'0042'}", "42"},
        {"{'id':0}", "0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_text(order_of(cases[i].body), COL_orders_external_order_id, cases[i].id);
}

static void what_is_impossible_is_rejected_by_name(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{}", "id is missing"},
        {"{'id':null}", "id is missing"},
        {"{'id':''}", "id is not a whole number"},
        {"{'id':'gid'}", "id is not a whole number"},
        {"{'id':-1}", "id is not a whole number"},
        {"{'id':1.0}", "id is not a whole number"},
        {"{'id':8.2e17}", "id is not a whole number"},
        {"{'id':[1]}", "id is not a whole number"},
        {"{'id':{}}", "id is not a whole number"},
        {"{'id':true}", "id is not a whole number"},
        {"{'id':123456789012345678901234567890123}", "id is not a whole number"},
        {"{'order':{'id':1}}", "id is missing"},
        {"[]", "the body is not a JSON object"},
        {"[{'id':1}]", "the body is not a JSON object"},
        {"'text'", "the body is not a JSON object"},
        {"1", "the body is not a JSON object"},
        {"null", "the body is not a JSON object"},
        {"{'id':1", "the body ends in the middle of its JSON"},
        {"{'id':1,'created_at':'T11: 28: 07-05: 00'}", "created_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'created_at':'2021-02-30T00:00:00Z'}",
         "created_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'updated_at':'yesterday'}", "updated_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'updated_at':1618312275}", "updated_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'cancelled_at':[]}", "cancelled_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'closed_at':true}", "closed_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'total_price':'12.3.4'}",
         "total_price is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'current_total_price':'1e3'}",
         "current_total_price is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'total_price':'1234567890123456789012345678901234567890'}",
         "total_price is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'total_tax':1234567890123456789012345678901234567890}",
         "total_tax is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'subtotal_price':{}}",
         "subtotal_price is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'total_discounts':'NaN'}",
         "total_discounts is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'currency':'rupees and more'}", "currency is not a currency code"},
        {"{'id':1,'currency':'I1R'}", "currency is not a currency code"},
        {"{'id':1,'line_items':[{'quantity':1},{'quantity':2147483648}]}",
         "line_items[1].quantity is not a whole number of 32 bits"},
        {"{'id':1,'line_items':[{'quantity':-1}]}", "line_items[0].quantity is negative"},
        {"{'id':1,'line_items':[{'quantity':1.5}]}",
         "line_items[0].quantity is not a whole number of 32 bits"},
        {"{'id':1,'line_items':[{'quantity':99999999999999999999999999}]}",
         "line_items[0].quantity is not a whole number of 32 bits"},
        {"{'id':1,'line_items':[{'price':'free'}]}",
         "line_items[0].price is not an amount of money (up to 30 digits and 10 decimals)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        handle("orders/updated", cases[i].body);
        if (handled.verdict != VERDICT_REJECT)
            fail_msg("accepted: %s", cases[i].body);
        expect_rejected(cases[i].reason);
    }
}

static void a_token_too_long_to_be_indexed_is_rejected(void **state)
{
    char body[1200], token[1001];

    (void)state;
    memset(token, 'x', 1000);
    token[255] = '\0';
    snprintf(body, sizeof body, "{'id':1,'checkout_token':'%s'}", token);
    handle("orders/create", body);
    expect_stored();
    token[255] = 'x';
    token[256] = '\0';
    snprintf(body, sizeof body, "{'id':1,'checkout_token':'%s'}", token);
    handle("orders/create", body);
    expect_rejected("checkout_token is too long for a token");
}

static void long_names_are_cut_between_characters(void **state)
{
    char body[3000] = "{'id':1,'name':'", *p = body + strlen(body);
    const struct row *r;

    (void)state;
    *p++ = 'x';
    for (int i = 0; i < 700; i++)
        p = stpcpy(p, "\u00e9"); /* two bytes each: 1,401 bytes */
    strcpy(p, "'}");
    r = order_of(body);
    assert_int_equal(r->v[COL_orders_order_number].text.n, 1023);
}

static void optional_parts_of_a_wrong_shape_are_absent(void **state)
{
    static const char *const shapes[] = {"null",   "[]", "{}",   "''",
                                         "'text'", "1",  "true", "[{'id':1}]"};
    static const char *const parts[] = {"customer", "shipping_address", "billing_address"};
    char body[200];

    (void)state;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const struct row *r;
            snprintf(body, sizeof body, "{'id':1,'%s':%s,'line_items':%s}", parts[p], shapes[s],
                     s == 7 ? "{}" : shapes[s]);
            r = order_of(body);
            expect_null(r, COL_orders_external_customer_id);
            expect_null(r, COL_orders_shipping_address);
            expect_null(r, COL_orders_billing_address);
            assert_int_equal(count_rows(&handled.rows), 1);
        }
    }
}

static void the_same_field_may_be_null_empty_or_missing(void **state)
{
    const struct row *r = order_of("{'id':1,'name':'','email':null,'note':'','tags':[],'total_"
                                   "price':'','created_at':'','checkout_token':'',"
                                   "'cart_token':null,'currency':'','source_name':'  "
                                   "','updated_at':null,'phone':[],'test':null}");

    (void)state;
    expect_null(r, COL_orders_order_number);
    expect_null(r, COL_orders_customer_email);
    expect_null(r, COL_orders_notes);
    expect_null(r, COL_orders_tags);
    expect_null(r, COL_orders_total_amount);
    expect_null(r, COL_orders_order_created_at);
    expect_null(r, COL_orders_currency);
    expect_null(r, COL_orders_source_name);
    assert_int_equal(handled.rows.n[ROWSET_cart_keys], 0);
}

static void totals_prefer_what_is_current(void **state)
{
    static const struct {
        const char *body, *total;
    } cases[] = {
        {"{'id':1,'total_price':'404.95','current_total_price':'414.95'}", "414.95"},
        {"{'id':1,'total_price':'404.95','current_total_price':'0.00'}", "0.00"},
        {"{'id':1,'total_price':'404.95','current_total_price':null}", "404.95"},
        {"{'id':1,'total_price':'404.95','current_total_price':''}", "404.95"},
        {"{'id':1,'total_price':'404.95'}", "404.95"},
        {"{'id':1,'total_price':404.95}", "404.95"},
        {"{'id':1,'current_total_price':'12.5'}", "12.5"},
        {"{'id':1,'total_price':'3000'}", "3000"},
        {"{'id':1,'total_price':'123456789012345678901234567890.12'}",
         "123456789012345678901234567890.12"},
        {"{'id':1}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_text(order_of(cases[i].body), COL_orders_total_amount, cases[i].total);
}

static void statuses_are_translated(void **state)
{
    static const struct {
        const char *theirs, *financial;
    } money[] = {
        {"null", "pending"},
        {"'pending'", "pending"},
        {"'authorized'", "pending"},
        {"'partially_paid'", "pending"},
        {"'paid'", "paid"},
        {"'PAID'", "paid"},
        {"'partially_refunded'", "partially_refunded"},
        {"'refunded'", "refunded"},
        {"'voided'", "voided"},
        {"'expired'", "voided"},
        {"'invented'", "pending"},
        {"''", "pending"},
        {"[]", "pending"},
        {"7", "pending"},
    };
    static const struct {
        const char *theirs, *fulfillment;
    } goods[] = {
        {"null", "unfulfilled"},
        {"'fulfilled'", "fulfilled"},
        {"'FULFILLED'", "fulfilled"},
        {"'partial'", "partial"},
        {"'partially_fulfilled'", "partial"},
        {"'in_progress'", "partial"},
        {"'IN_PROGRESS'", "partial"},
        {"'restocked'", "restocked"},
        {"'pending'", "unfulfilled"},
        {"'on_hold'", "unfulfilled"},
        {"'scheduled'", "unfulfilled"},
        {"''", "unfulfilled"},
        {"{}", "unfulfilled"},
    };
    char body[200];

    (void)state;
    for (size_t i = 0; i < sizeof money / sizeof *money; i++) {
        snprintf(body, sizeof body, "{'id':1,'financial_status':%s}", money[i].theirs);
        expect_text(order_of(body), COL_orders_financial_status, money[i].financial);
    }
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        snprintf(body, sizeof body, "{'id':1,'fulfillment_status':%s}", goods[i].theirs);
        expect_text(order_of(body), COL_orders_fulfillment_status, goods[i].fulfillment);
    }
}

static void names_come_from_customer_then_shipping_then_billing(void **state)
{
    static const struct {
        const char *parts, *name;
    } cases[] = {
        {"'customer':{'first_name':'A','last_name':'B'},'shipping_address':{'name':'S'},'billing_"
         "address':{'name':'X'}",
         "A B"},
        {"'customer':{'first_name':' A ','last_name':null},'shipping_address':{'name':'S'}", "A"},
        {"'customer':{'first_name':'','last_name':'B'},'shipping_address':{'name':'S'}", "B"},
        {"'customer':{'first_name':null,'last_name':''},'shipping_address':{'name':'S'},'billing_"
         "address':{'name':'X'}",
         "S"},
        {"'customer':null,'shipping_address':{'name':null,'first_name':'S','last_name':'T'},'"
         "billing_address':{'name':'X'}",
         "S T"},
        {"'shipping_address':[],'billing_address':{'name':'X'}", "X"},
        {"'shipping_address':{'name':''},'billing_address':{'first_name':'X'}", "X"},
        {"'customer':{'first_name':'Unknown'},'shipping_address':{'name':'S'}", "S"},
        {"'customer':{'first_name':7,'last_name':['B']},'shipping_address':{'name':'S'}", "S"},
        {"'customer':{}", NULL},
    };
    char body[400];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,%s}", cases[i].parts);
        expect_text(order_of(body), COL_orders_customer_name, cases[i].name);
    }
}

static void emails_come_from_order_then_contact_then_customer(void **state)
{
    static const struct {
        const char *parts, *email;
    } cases[] = {
        {"'email':' a@x.in ','contact_email':'b@x.in','customer':{'email':'c@x.in'}", "a@x.in"},
        {"'email':'','contact_email':'b@x.in','customer':{'email':'c@x.in'}", "b@x.in"},
        {"'email':null,'contact_email':'','customer':{'email':'c@x.in'}", "c@x.in"},
        {"'email':'','contact_email':null,'customer':{'email':null}", NULL},
    };
    char body[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,%s}", cases[i].parts);
        expect_text(order_of(body), COL_orders_customer_email, cases[i].email);
    }
}

/* The first that is valid for the country of its address; the store is in India. */
static void phones_are_the_first_valid_one(void **state)
{
    static const struct {
        const char *parts, *phone;
    } cases[] = {
        {"'phone':'+919800000001','customer':{'phone':'+919800000002'},'shipping_address':{'phone':"
         "'9800000003'}",
         "+919800000001"},
        {"'phone':'','customer':{'phone':'+919800000002'},'shipping_address':{'phone':'9800000003'"
         "}",
         "+919800000002"},
        {"'phone':'12','customer':{'phone':'nobody'},'shipping_address':{'phone':'9800000003','"
         "country_code':'IN'}",
         "+919800000003"},
        {"'shipping_address':{'phone':'555-555-SHIP','country_code':'US'},'billing_address':{'"
         "phone':'5024592181','country_code':'US'}",
         "+15024592181"},
        {"'shipping_address':{'phone':'5024592181','country_code':'us'}", "+15024592181"},
        {"'shipping_address':{'phone':'5024592181','country':'US'}", "+15024592181"},
        {"'shipping_address':{'phone':'5024592181','country':'United States'}",
         NULL}, /* read as an Indian number */
        {"'shipping_address':{'phone':'9800000003'}", "+919800000003"}, /* the store's country */
        {"'shipping_address':{'phone':'9800000003','country_code':'US'}", NULL},
        {"'billing_address':{'phone':'9800000004','country_code':'IN'},'customer':{'default_"
         "address':{'phone':'9800000005'}}",
         "+919800000004"},
        {"'customer':{'default_address':{'phone':'9800000005','country_code':'IN'}}",
         "+919800000005"},
        {"'customer':{'default_address':{'phone':'123-123-1234','country_code':'CA'}}", NULL},
        /* a national number of the order or customer is read where the buyer is */
        {"'phone':'5024592181','shipping_address':{'country_code':'US'}", "+15024592181"},
        {"'phone':'5024592181','billing_address':{'country_code':'US'}", "+15024592181"},
        {"'phone':'5024592181','customer':{'default_address':{'country_code':'US'}}",
         "+15024592181"},
        {"'customer':{'phone':'9800000002'}", "+919800000002"},
        {"'phone':null,'customer':null", NULL},
        {"'phone':9800000001", NULL}, /* a number is no text; Shopify never sends one */
    };
    char body[400];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,%s}", cases[i].parts);
        expect_text(order_of(body), COL_orders_customer_phone, cases[i].phone);
    }
}

static void tags_come_as_text_or_list(void **state)
{
    static const struct {
        const char *tags, *expected;
    } cases[] = {
        {"'tag1, tag2'", "[\"tag1\",\"tag2\"]"},
        {"'one'", "[\"one\"]"},
        {"' , ,'", NULL},
        {"''", NULL},
        {"null", NULL},
        {"['a',' b ','',7,null]", "[\"a\",\"b\"]"},
        {"'\\'Big Air\\', L\\u00e9on'", "[\"\\\"Big Air\\\"\",\"L\u00e9on\"]"},
        {"{'a':'b'}", NULL},
        {"7", NULL},
    };
    char body[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,'tags':%s}", cases[i].tags);
        expect_text(order_of(body), COL_orders_tags, cases[i].expected);
    }
}

static void the_shops_name_of_an_order_goes_before_its_number(void **state)
{
    (void)state;
    expect_text(order_of("{'id':1,'name':'#1001-EU','order_number':1001}"), COL_orders_order_number,
                "#1001-EU");
    expect_text(order_of("{'id':1,'order_number':1001}"), COL_orders_order_number, "#1001");
    expect_text(order_of("{'id':1,'name':null,'order_number':null}"), COL_orders_order_number,
                NULL);
}

static void lines_become_items_in_their_order(void **state)
{
    const struct rows *rows;
    const struct row *r;

    (void)state;
    order_of("{'id':7,'line_items':[{'id':487817672276298554,'product_id':788032119674292900,'"
             "variant_id':3,'title':'Jeans','variant_title':'26',"
             "'sku':'J-26','quantity':2,'price':'299.00','total_discount':'9.00','properties':{'a':"
             "[1]}},null,'x',"
             "{'id':null,'product_id':null,'variant_id':null,'title':'Gift','variant_title':null,'"
             "sku':'','quantity':null,'price':null,'properties':null},"
             "{'properties':[{'name':'a','value':'b'}],'quantity':'3','price':10.5}]}");
    rows = &handled.rows;
    assert_int_equal(rows->n[ROWSET_order_items], 3);
    r = row_at(rows, ROWSET_order_items, 0);
    expect_text(r, COL_order_items_external_order_id, "7");
    expect_number(r, COL_order_items_position, 0);
    expect_text(r, COL_order_items_external_line_item_id, "487817672276298554");
    expect_text(r, COL_order_items_external_product_id, "788032119674292900");
    expect_text(r, COL_order_items_external_variant_id, "3");
    expect_text(r, COL_order_items_title, "Jeans");
    expect_text(r, COL_order_items_variant_title, "26");
    expect_text(r, COL_order_items_sku, "J-26");
    expect_number(r, COL_order_items_quantity, 2);
    expect_text(r, COL_order_items_price, "299.00");
    expect_text(r, COL_order_items_total_discount, "9.00");
    assert_memory_equal(r->v[COL_order_items_source_version].text.p,
                        row_at(rows, ROWSET_orders, 0)->v[COL_orders_source_version].text.p, 24);
    r = row_at(rows, ROWSET_order_items, 1);
    expect_number(r, COL_order_items_position, 1);
    expect_null(r, COL_order_items_external_product_id);
    expect_null(r, COL_order_items_sku);
    expect_null(r, COL_order_items_quantity);
    expect_null(r, COL_order_items_price);
    r = row_at(rows, ROWSET_order_items, 2);
    expect_number(r, COL_order_items_quantity, 3);
    expect_text(r, COL_order_items_price, "10.5");
}

static void an_order_brings_its_customer_and_its_cart(void **state)
{
    const struct row *r;

    (void)state;
    order_of("{'id':7,'updated_at':'2021-04-13T12:00:00Z','checkout_token':'tok','customer':{'id':"
             "9,'first_name':'A','email':'a@x.in',"
             "'updated_at':'2021-04-13T11:00:00Z','created_at':'broken','tags':'x'}}");
    r = row_at(&handled.rows, ROWSET_customers, 0);
    expect_text(r, COL_customers_external_customer_id, "9");
    expect_text(r, COL_customers_first_name, "A");
    expect_text(r, COL_customers_tags, "[\"x\"]");
    expect_null(r, COL_customers_source_created_at);
    expect_number(r, COL_customers_source_updated_at, at("2021-04-13T11:00:00Z"));
    r = row_at(&handled.rows, ROWSET_cart_keys, 0);
    expect_text(r, COL_cart_keys_checkout_token, "tok");
    expect_null(r, COL_cart_keys_cart_token);

    order_of("{'id':7,'updated_at':'2021-04-13T12:00:00Z','cart_token':'c','customer':{'id':9,'"
             "updated_at':null}}");
    r = row_at(&handled.rows, ROWSET_customers, 0);
    expect_number(r, COL_customers_source_updated_at, at("2021-04-13T12:00:00Z")); /* the order's */
    r = row_at(&handled.rows, ROWSET_cart_keys, 0);
    expect_null(r, COL_cart_keys_checkout_token);
    expect_text(r, COL_cart_keys_cart_token, "c");
}

static void bad_characters_are_replaced_not_fatal(void **state)
{
    const struct row *r = order_of("{'id':1,'name':'a\\u0000b','note':'\\ud83d','tags':'x\\udc00','"
                                   "email':'\\ud83d\\ude00@x.in',"
                                   "'shipping_address':{'city':'Pu\\u0000ne','lat':1e5000}}");

    (void)state;
    expect_text(r, COL_orders_order_number, "a\uFFFDb");
    expect_text(r, COL_orders_notes, "\uFFFD");
    expect_text(r, COL_orders_tags, "[\"x\uFFFD\"]");
    expect_text(r, COL_orders_customer_email, "\U0001F600@x.in");
    expect_text(r, COL_orders_shipping_address, "{\"city\":\"Pu\\ufffdne\",\"lat\":\"1e5000\"}");
}

static void a_deleted_order_is_a_deletion(void **state)
{
    const struct rows *rows = handle("orders/delete", "{'id':820982911946154508}");
    const struct row *r;
    struct event ev;

    (void)state;
    expect_stored();
    assert_int_equal(count_rows(rows), 2);
    r = row_at(rows, ROWSET_cart_keys, 0); /* whatever cart it had recovered is settled with it */
    expect_null(r, COL_cart_keys_checkout_token);
    expect_null(r, COL_cart_keys_cart_token);
    r = row_at(rows, ROWSET_deletions, 0);
    expect_text(r, COL_deletions_kind, "order");
    expect_text(r, COL_deletions_external_id, "820982911946154508");
    expect_null(r, COL_deletions_cart_token);
    expect_number(r, COL_deletions_deleted_at, test_triggered_us);
    handle("orders/delete", "{}");
    expect_rejected("id is missing");

    ev = test_event("orders/delete", "{\"id\":1}", 8);
    ev.triggered_us = EVENT_NO_TIME;
    r = row_at(handle_event(ev, HANDLING_ARENA), ROWSET_deletions, 0);
    expect_number(r, COL_deletions_deleted_at, ev.received_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_becomes_a_row),
        cmocka_unit_test(an_order_of_nothing_but_an_id_is_enough),
        cmocka_unit_test(ids_are_text_and_exact),
        cmocka_unit_test(what_is_impossible_is_rejected_by_name),
        cmocka_unit_test(a_token_too_long_to_be_indexed_is_rejected),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(optional_parts_of_a_wrong_shape_are_absent),
        cmocka_unit_test(the_same_field_may_be_null_empty_or_missing),
        cmocka_unit_test(totals_prefer_what_is_current),
        cmocka_unit_test(statuses_are_translated),
        cmocka_unit_test(names_come_from_customer_then_shipping_then_billing),
        cmocka_unit_test(emails_come_from_order_then_contact_then_customer),
        cmocka_unit_test(phones_are_the_first_valid_one),
        cmocka_unit_test(tags_come_as_text_or_list),
        cmocka_unit_test(the_shops_name_of_an_order_goes_before_its_number),
        cmocka_unit_test(lines_become_items_in_their_order),
        cmocka_unit_test(an_order_brings_its_customer_and_its_cart),
        cmocka_unit_test(bad_characters_are_replaced_not_fatal),
        cmocka_unit_test(a_deleted_order_is_a_deletion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
