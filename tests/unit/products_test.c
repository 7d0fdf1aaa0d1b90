/* shopify/product.c and variants.c. */
#include "handling.h"

static const struct row *product_of(const char *body)
{
    const struct rows *rows = handle("products/update", body);

    if (handled.verdict != VERDICT_STORE)
        print_error("rejected: %s\n", rows->reason);
    expect_stored();
    return row_at(rows, ROWSET_products, 0);
}

static void a_product_becomes_rows(void **state)
{
    const struct row *r =
        product_of("{'id':788032119674292922,'title':'Shirt','body_html':'<b>x<\\/"
                   "b>','vendor':'Acme','product_type':'Shirts','status':'active',"
                   "'updated_at':'2021-12-31T19:00:00-05:00','tags':'a, "
                   "b','images':[{'id':1,'src':'https:\\/\\/cdn\\/"
                   "1.png'},{'src':null},{'src':'https://cdn/2.png'}],"
                   "'image':{'src':'https://cdn/1.png'},'variants':["
                   "{'id':642667041472713922,'title':'S','sku':'s-1','price':'19.99','compare_at_"
                   "price':'24.99','inventory_quantity':-75,'requires_shipping':true,"
                   "'weight':1.25,'weight_unit':'lb'},null,{'title':'no id'},"
                   "{'id':'2','title':null,'sku':'','price':null,'compare_at_price':null}]}");

    (void)state;
    expect_text(r, COL_products_external_product_id, "788032119674292922");
    expect_text(r, COL_products_title, "Shirt");
    expect_text(r, COL_products_description, "<b>x</b>");
    expect_text(r, COL_products_vendor, "Acme");
    expect_text(r, COL_products_product_type, "Shirts");
    expect_text(r, COL_products_status, "active");
    expect_text(r, COL_products_images, "[\"https://cdn/1.png\",\"https://cdn/2.png\"]");
    expect_text(r, COL_products_tags, "[\"a\",\"b\"]");
    expect_number(r, COL_products_has_variants, 1);
    expect_number(r, COL_products_source_updated_at, at("2022-01-01T00:00:00Z"));

    assert_int_equal(handled.rows.n[ROWSET_product_variants], 2);
    r = row_at(&handled.rows, ROWSET_product_variants, 0);
    expect_text(r, COL_product_variants_external_product_id, "788032119674292922");
    expect_number(r, COL_product_variants_position, 0);
    expect_text(r, COL_product_variants_external_variant_id, "642667041472713922");
    expect_text(r, COL_product_variants_title, "S");
    expect_text(r, COL_product_variants_sku, "s-1");
    expect_text(r, COL_product_variants_price, "19.99");
    expect_text(r, COL_product_variants_compare_at_price, "24.99");
    expect_number(r, COL_product_variants_inventory_quantity, -75);
    expect_number(r, COL_product_variants_requires_shipping, 1);
    expect_text(r, COL_product_variants_weight, "1.25");
    expect_text(r, COL_product_variants_weight_unit, "lb");
    r = row_at(&handled.rows, ROWSET_product_variants, 1);
    expect_number(r, COL_product_variants_position, 1);
    expect_text(r, COL_product_variants_external_variant_id, "2");
    expect_null(r, COL_product_variants_title);
    expect_null(r, COL_product_variants_price);
    expect_null(r, COL_product_variants_inventory_quantity);
    expect_null(r, COL_product_variants_requires_shipping);
    expect_null(r, COL_product_variants_weight);
}

static void a_body_without_variants_leaves_them_alone(void **state)
{
    static const char *const bodies[] = {
        "{'id':1,'shop_id':2,'title':'x'}", "{'id':1,'variants':null}", "{'id':1,'variants':[]}",
        "{'id':1,'variants':{}}", "{'id':1,'variants':[{'title':'no id'}]}"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        expect_null(product_of(bodies[i]), COL_products_has_variants);
        assert_int_equal(handled.rows.n[ROWSET_product_variants], 0);
    }
}

static void statuses_are_ours_or_nothing(void **state)
{
    static const struct {
        const char *theirs, *ours;
    } cases[] = {{"'active'", "active"}, {"'DRAFT'", "draft"}, {"'archived'", "archived"},
                 {"'unlisted'", NULL},   {"null", NULL},       {"[]", NULL}};
    char body[100];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,'status':%s}", cases[i].theirs);
        expect_text(product_of(body), COL_products_status, cases[i].ours);
    }
}

static void images_are_urls(void **state)
{
    static const struct {
        const char *parts, *images;
    } cases[] = {
        {"'images':[],'image':null", "[]"},
        {"'images':null,'image':null", NULL},
        {"'title':'x'", NULL},
        {"'image':{'src':'u'}", "[\"u\"]"},
        {"'images':[],'image':{'src':'u'}", "[\"u\"]"},
        {"'images':['u',7,{'src':'v'}]", "[\"v\"]"},
        {"'images':{}", NULL},
    };
    char body[100];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,%s}", cases[i].parts);
        expect_text(product_of(body), COL_products_images, cases[i].images);
    }
}

static void a_weight_that_cannot_be_read_is_left_out(void **state)
{
    static const struct {
        const char *weight, *expected;
    } cases[] = {{"200", "200"}, {"0.0", "0.0"},    {"'1.5'", "1.5"}, {"1.0e-05", NULL},
                 {"null", NULL}, {"'heavy'", NULL}, {"[]", NULL}};
    char body[100];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{'id':1,'variants':[{'id':2,'weight':%s}]}", cases[i].weight);
        product_of(body);
        expect_text(row_at(&handled.rows, ROWSET_product_variants, 0), COL_product_variants_weight,
                    cases[i].expected);
    }
}

static void what_is_impossible_is_rejected_by_name(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{'shop_id':2,'title':'from 2021'}", "id is missing"},
        {"{'product':{'id':1}}", "id is missing"},
        {"{'id':1,'product_id':2,'title':'Yellow','price':'1.00'}",
         "product_id shows that the body is part of a product, not one"},
        {"{'id':1,'sku':'inventory item'}",
         "title is missing, and so is everything else that a product has"},
        {"{'id':1,'title':'x','updated_at':'x'}", "updated_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'title':'x','created_at':'x'}", "created_at is not a timestamp (RFC 3339)"},
        {"{'id':1,'variants':[{'id':2},{'id':3,'price':'x'}]}",
         "variants[1].price is not an amount of money (up to 30 digits and 10 decimals)"},
        {"{'id':1,'variants':[{'id':2,'inventory_quantity':3000000000}]}",
         "variants[0].inventory_quantity is not a whole number of 32 bits"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        handle("products/create", cases[i].body);
        expect_rejected(cases[i].reason);
    }
}

static void a_deleted_product_is_a_deletion(void **state)
{
    const struct row *r =
        row_at(handle("products/delete", "{'id':788032119674292922}"), ROWSET_deletions, 0);

    (void)state;
    expect_stored();
    expect_text(r, COL_deletions_kind, "product");
    expect_text(r, COL_deletions_external_id, "788032119674292922");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_becomes_rows),
        cmocka_unit_test(a_body_without_variants_leaves_them_alone),
        cmocka_unit_test(statuses_are_ours_or_nothing),
        cmocka_unit_test(images_are_urls),
        cmocka_unit_test(a_weight_that_cannot_be_read_is_left_out),
        cmocka_unit_test(what_is_impossible_is_rejected_by_name),
        cmocka_unit_test(a_deleted_product_is_a_deletion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
