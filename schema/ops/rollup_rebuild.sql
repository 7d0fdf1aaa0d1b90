-- Brings the rollups to what the facts say, while writers go on; the number of rollup rows that were mended.
SELECT rollup_rebuild() AS mended
