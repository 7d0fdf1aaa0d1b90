-- The agent or the campaign of an organization that confirms orders (of the two it is born with, the last by name). psql variables: organization, table ("agents" or "campaigns")
SELECT id FROM :"table" WHERE organization_id = :'organization' ORDER BY name DESC LIMIT 1
