-- The file of a deleted recording is erased (or was not there). $1 call_id uuid, $2 storage_path text.
-- As long as the call is there, it is remembered that its recording must not come back.
WITH erased AS (
    UPDATE call_recording_copies c SET state = 'gone', storage_path = NULL, next_at = NULL
    WHERE c.call_id = $1::uuid AND c.state = 'erase' AND c.storage_path = $2::text AND EXISTS (SELECT FROM calls t WHERE t.id = $1)
)
DELETE FROM call_recording_copies c
WHERE c.call_id = $1 AND c.state = 'erase' AND c.storage_path = $2 AND NOT EXISTS (SELECT FROM calls t WHERE t.id = $1)
