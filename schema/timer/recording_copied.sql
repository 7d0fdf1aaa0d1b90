-- A recording lies in the store. $1 call_id uuid, $2 storage_path text, $3 file_size_bytes bigint, $4 duration_seconds integer, as
-- measured, or NULL.
-- Answers one row (call_id) if the recording now is that file. None: it was deleted or redacted meanwhile, or another copy was
-- faster; then nobody knows of the file, and whoever copied it must erase it.
WITH wanted AS MATERIALIZED (
    SELECT c.call_id, c.state
    FROM call_recording_copies c JOIN call_recordings r ON r.call_id = c.call_id
    WHERE c.call_id = $1::uuid
      AND (c.state IN ('due', 'failed', 'expired') OR (c.state = 'copied' AND r.storage_path = $2::text))
    FOR UPDATE OF c
), recorded AS (
    UPDATE call_recordings r
    SET storage_path = $2, file_size_bytes = $3::bigint, duration_seconds = coalesce($4::integer, r.duration_seconds)
    FROM wanted w
    WHERE r.call_id = w.call_id
    RETURNING r.call_id
), done AS (
    UPDATE call_recording_copies c
    SET state = 'copied', next_at = NULL, error = NULL,
        duration_version = CASE WHEN $4 IS NULL THEN c.duration_version ELSE '\xff' END
    FROM wanted w
    WHERE c.call_id = w.call_id AND w.state <> 'copied'
)
SELECT r.call_id FROM recorded r
