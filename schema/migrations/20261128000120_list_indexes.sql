-- Indexes under the lists of the API. A list is one tenant's, sorted by a column with the id as the last word, in one of the two
-- directions of an index: a page is the first rows of an index scan, whatever the table's size. They replace the ones that
-- had the same first columns, so the worker's writes maintain few more than before.

DROP INDEX calls_organization;
CREATE INDEX calls_list ON calls (organization_id, created_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX calls_started ON calls (organization_id, started_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX calls_duration ON calls (organization_id, duration_seconds DESC NULLS LAST, id DESC NULLS LAST);
-- They still serve the foreign keys; and a campaign or agent with few calls finds them without reading the others'.
DROP INDEX calls_campaign;
CREATE INDEX calls_campaign ON calls (campaign_id, created_at DESC NULLS LAST, id DESC NULLS LAST) WHERE campaign_id IS NOT NULL;
DROP INDEX calls_agent;
CREATE INDEX calls_agent ON calls (agent_id, created_at DESC NULLS LAST, id DESC NULLS LAST) WHERE agent_id IS NOT NULL;

DROP INDEX commerce_orders_organization;
CREATE INDEX commerce_orders_list ON commerce_orders (organization_id, order_created_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX commerce_orders_created ON commerce_orders (organization_id, created_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX commerce_orders_amount ON commerce_orders (organization_id, total_amount DESC NULLS LAST, id DESC NULLS LAST);

DROP INDEX commerce_abandoned_carts_organization;
CREATE INDEX commerce_abandoned_carts_list ON commerce_abandoned_carts (organization_id, abandoned_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX commerce_abandoned_carts_created ON commerce_abandoned_carts (organization_id, created_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX commerce_abandoned_carts_value ON commerce_abandoned_carts (organization_id, total_value DESC NULLS LAST, id DESC NULLS LAST);

DROP INDEX commerce_products_organization;
CREATE INDEX commerce_products_list ON commerce_products (organization_id, updated_at DESC NULLS LAST, id DESC NULLS LAST);
CREATE INDEX commerce_products_created ON commerce_products (organization_id, created_at DESC NULLS LAST, id DESC NULLS LAST);
-- Shopify's titles have at most 255 characters; an index key has its limit, which must not stop the worker.
ALTER TABLE commerce_products ADD CHECK (octet_length(title) <= 1024);
CREATE INDEX commerce_products_title ON commerce_products (organization_id, title DESC NULLS LAST, id DESC NULLS LAST);
