-- The moment at which a run begins, by the database's clock: letters that come later are not its business. -> now
SELECT clock_timestamp() AS now
