-- Columns that follow from others, computed before each row is written, whoever writes it.
-- These functions run once per row with the writer's rights; keep them cheap, and qualify every name.

CREATE FUNCTION commerce_orders_compute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
        NEW.redacted := OLD.redacted OR NEW.redacted;
    END IF;
    IF NEW.redacted THEN
        NEW.customer_id := NULL;
        NEW.external_customer_id := NULL;
        NEW.customer_name := NULL;
        NEW.customer_email := NULL;
        NEW.customer_phone := NULL;
        NEW.shipping_address := NULL;
        NEW.billing_address := NULL;
        NEW.notes := NULL;
    END IF;

    NEW.trigger_ready := CASE
        WHEN NEW.payment_type <> 'cod' OR NEW.test OR NEW.cancelled_at IS NOT NULL OR NEW.closed_at IS NOT NULL
             OR NEW.fulfillment_status = 'fulfilled' OR NEW.financial_status IN ('paid', 'refunded', 'voided')
            THEN 'not_applicable'
        WHEN NEW.customer_phone <> '' THEN 'ready'
        ELSE 'missing_phone'
    END::public.trigger_ready_status;

    IF TG_OP = 'INSERT' THEN
        NEW.order_day := public.organization_day(NEW.organization_id, coalesce(NEW.order_created_at, NEW.created_at));
    ELSIF NEW.organization_id = OLD.organization_id
          AND coalesce(NEW.order_created_at, NEW.created_at) = coalesce(OLD.order_created_at, OLD.created_at) THEN
        NEW.order_day := OLD.order_day;
    ELSE
        NEW.order_day := public.organization_day(NEW.organization_id, coalesce(NEW.order_created_at, NEW.created_at));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commerce_orders_compute BEFORE INSERT OR UPDATE ON commerce_orders
    FOR EACH ROW EXECUTE FUNCTION commerce_orders_compute();

CREATE FUNCTION commerce_abandoned_carts_compute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
        NEW.redacted := OLD.redacted OR NEW.redacted;
    END IF;
    IF NEW.redacted THEN
        NEW.customer_id := NULL;
        NEW.external_customer_id := NULL;
        NEW.customer_name := NULL;
        NEW.customer_email := NULL;
        NEW.customer_phone := NULL;
        NEW.recovery_url := NULL;
    END IF;

    NEW.trigger_ready := CASE
        WHEN NEW.status <> 'abandoned' THEN 'not_applicable'
        WHEN NEW.customer_phone <> '' THEN 'ready'
        ELSE 'missing_phone'
    END::public.trigger_ready_status;

    IF TG_OP = 'UPDATE' AND NEW.organization_id = OLD.organization_id AND NEW.abandoned_at = OLD.abandoned_at THEN
        NEW.abandoned_day := OLD.abandoned_day;
    ELSE
        NEW.abandoned_day := public.organization_day(NEW.organization_id, NEW.abandoned_at);
    END IF;

    IF NEW.status <> 'recovered' THEN
        NEW.recovered_day := NULL;
    ELSE
        NEW.recovered_at := coalesce(NEW.recovered_at, now());
        IF TG_OP = 'UPDATE' AND NEW.organization_id = OLD.organization_id AND OLD.status = 'recovered'
           AND NEW.recovered_at = OLD.recovered_at THEN
            NEW.recovered_day := OLD.recovered_day;
        ELSE
            NEW.recovered_day := public.organization_day(NEW.organization_id, NEW.recovered_at);
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commerce_abandoned_carts_compute BEFORE INSERT OR UPDATE ON commerce_abandoned_carts
    FOR EACH ROW EXECUTE FUNCTION commerce_abandoned_carts_compute();

CREATE FUNCTION commerce_checkouts_compute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
        NEW.redacted := OLD.redacted OR NEW.redacted;
    END IF;
    IF NEW.redacted THEN
        NEW.customer_id := NULL;
        NEW.external_customer_id := NULL;
        NEW.customer_name := NULL;
        NEW.customer_email := NULL;
        NEW.customer_phone := NULL;
        NEW.recovery_url := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commerce_checkouts_compute BEFORE INSERT OR UPDATE ON commerce_checkouts
    FOR EACH ROW EXECUTE FUNCTION commerce_checkouts_compute();

CREATE FUNCTION calls_compute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
        IF NEW.organization_id = OLD.organization_id
           AND coalesce(NEW.started_at, NEW.created_at) = coalesce(OLD.started_at, OLD.created_at) THEN
            NEW.call_day := OLD.call_day;
            RETURN NEW;
        END IF;
    END IF;
    NEW.call_day := public.organization_day(NEW.organization_id, coalesce(NEW.started_at, NEW.created_at));
    RETURN NEW;
END $$;
CREATE TRIGGER calls_compute BEFORE INSERT OR UPDATE ON calls FOR EACH ROW EXECUTE FUNCTION calls_compute();

DO $$
DECLARE
    tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY[
        'commerce_integrations', 'commerce_customers', 'commerce_products', 'commerce_product_variants',
        'commerce_order_items', 'commerce_cart_items', 'commerce_data_requests',
        'campaigns', 'agents', 'campaign_agents', 'contacts', 'call_recordings']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION set_updated_at()',
                       tbl || '_updated_at', tbl);
    END LOOP;
END $$;
