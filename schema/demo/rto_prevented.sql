-- Orders of an organization that were not sent in vain, as the rollup has them. psql variable: organization
SELECT coalesce(sum(rto_prevented), 0) FROM analytics_outcome_daily WHERE organization_id = :'organization'
