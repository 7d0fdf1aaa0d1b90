-- The first agent or campaign of an organization. psql variables: organization, table ("agents" or "campaigns")
SELECT id FROM :"table" WHERE organization_id = :'organization' ORDER BY created_at, id LIMIT 1
