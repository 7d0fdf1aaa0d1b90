-- Ends the sessions that hold a partition (lock_partitions.sql) though its lease is somebody else's by now: of a worker that was
-- stopped, or cut off, in the middle of sending a transaction. Its server process waits for the rest, with all its locks, for
-- as long as the connection looks alive. Nothing is lost: what it has not committed is pending. $1 partition int.
-- Answers one row per session ended.
SELECT pg_terminate_backend(l.pid) AS ended
FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.classid = 29282 AND l.objid = $1::integer AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
