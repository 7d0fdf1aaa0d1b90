-- Every number in which a rollup differs from its facts: rollup, key, column_name, rollup_value, fact_value; as text.
-- No rows: exact. One snapshot, so it may run while everybody writes.
SELECT v.rollup, v.key::text AS key, v.column_name, v.rollup_value::text AS rollup_value, v.fact_value::text AS fact_value
FROM rollup_verify() v
