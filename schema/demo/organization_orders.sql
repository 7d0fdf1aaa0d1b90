-- Orders of one organization. psql variable: organization
SELECT count(*) FROM commerce_orders WHERE organization_id = :'organization'
