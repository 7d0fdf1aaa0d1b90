-- A tenant and its owner. The same owner asking for the same name again gets the organization that is there.
-- $1 name, $2 IANA zone, $3 owner (uuid) -> id, created
WITH present AS (
    SELECT o.id
    FROM organizations o
    JOIN organization_members m ON m.organization_id = o.id
    WHERE o.name = $1::text AND m.user_id = $3::uuid AND m.role = 'owner'
    ORDER BY o.created_at, o.id
    LIMIT 1
), made AS (
    INSERT INTO organizations (name, timezone)
    SELECT $1::text, $2::text
    WHERE NOT EXISTS (SELECT FROM present)
    RETURNING id
), owned AS (
    INSERT INTO organization_members (organization_id, user_id, role)
    SELECT id, $3::uuid, 'owner' FROM made
)
SELECT id::text, false AS created FROM present
UNION ALL
SELECT id::text, true FROM made
