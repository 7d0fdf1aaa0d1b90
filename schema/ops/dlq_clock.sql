-- The moment at which a run begins, by the database's clock: letters that come later, or fail again meanwhile, are not its
-- business, so that it ends. $1 until timestamptz, or NULL -> until: the earlier of both.
SELECT least(clock_timestamp(), $1::timestamptz) AS until
