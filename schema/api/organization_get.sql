-- The organization that the request acts for: its name, and the zone and currency in which its numbers are meant.
SELECT json_build_object('data', r) FROM (
    SELECT o.id, o.name, o.timezone, o.currency, o.created_at, o.updated_at
    FROM organizations o
    WHERE o.id = request_organization_id()) r
