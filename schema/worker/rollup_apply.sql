-- Last statement of a batch: adds what the triggers noted to the rollups, in one order of tables and keys.
SELECT rollup_apply()
