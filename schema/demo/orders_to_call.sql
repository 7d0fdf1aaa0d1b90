-- A few orders of an organization that are to be confirmed by a call. psql variable: organization
SELECT id FROM commerce_orders
WHERE organization_id = :'organization' AND payment_type = 'cod' AND trigger_ready = 'ready'
ORDER BY order_created_at DESC, id LIMIT 5
