-- Who asks, and for whom; the rest of the transaction runs as the role `authenticated`. $1 the user of a verified token,
-- $2 what the header X-Organization-Id names, or NULL, $3 what the endpoint needs: member or admin.
-- -> organization_id, role (owner, admin, member or staff)
SELECT b.organization_id::text, b.role FROM api_begin($1::uuid, $2::uuid, $3::text) b
