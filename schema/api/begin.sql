-- Who asks, and for whom; the rest of the transaction runs as the role `authenticated`. $1 verified claims of the token (JSON),
-- $2 what the header X-Organization-Id names, or NULL, $3 what the endpoint needs: member or admin.
-- -> organization_id, role (owner, admin, member or staff)
SELECT b.organization_id::text, b.role FROM api_begin($1::text, $2::text, $3::text) b
