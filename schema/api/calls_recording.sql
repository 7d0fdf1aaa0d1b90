-- Where the recording of a call lies, and how long it is; the API makes a link of it.
SELECT json_build_object('storage_path', q.storage_path, 'duration_seconds', q.duration_seconds)
FROM calls c
JOIN call_recordings q ON q.call_id = c.id
WHERE c.id = :id::uuid AND c.organization_id = request_organization_id() AND q.storage_path IS NOT NULL
