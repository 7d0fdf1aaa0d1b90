-- The organizations of some users, for the realtime role. $1 uuid[] users.
-- Returns user_id, organization_id, the same order every time.
SELECT m.user_id::text, m.organization_id::text
FROM organization_members m
WHERE m.user_id = ANY ($1::uuid[])
ORDER BY m.user_id, m.created_at, m.organization_id
