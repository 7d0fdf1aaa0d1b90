-- Four weeks were played in half a minute. Calls get the days on which they would have been made (those that nobody answered have no
-- start, and are spread), contacts the names that their orders know, and the organization its main currency: the dashboard then looks as it
-- does for a shop that has been here for a while. The rollups follow by themselves. psql variables: organization, since (when the playing began)
UPDATE calls SET created_at = coalesce(started_at,
    date_trunc('day', now()) - interval '1 day' * (1 + abs(hashtext(id::text)) % 27)
                             + interval '4 hours' + interval '1 second' * (abs(hashtext(external_call_id)) % 28800))
WHERE organization_id = :'organization' AND created_at >= :'since';

UPDATE contacts k SET first_name = split_part(o.customer_name, ' ', 1),
                      last_name = nullif(substr(o.customer_name, strpos(o.customer_name || ' ', ' ') + 1), '')
FROM (SELECT DISTINCT ON (customer_phone) customer_phone, customer_name FROM commerce_orders
      WHERE organization_id = :'organization' AND customer_phone IS NOT NULL AND customer_name IS NOT NULL
      ORDER BY customer_phone, order_created_at DESC) o
WHERE k.organization_id = :'organization' AND k.phone = o.customer_phone AND k.first_name IS NULL AND k.last_name IS NULL;

UPDATE organizations SET currency = 'INR' WHERE id = :'organization' AND currency IS NULL;
