-- Where the recording of a call lies, and how long it is; the API makes a link of it, and looks whether the path is this call's own.
SELECT json_build_object('storage_path', q.storage_path, 'duration_seconds', q.duration_seconds,
                         'organization_id', c.organization_id, 'call_id', c.id)
FROM calls c
JOIN call_recordings q ON q.call_id = c.id
WHERE c.id = :id::uuid AND c.organization_id = request_organization_id() AND q.storage_path IS NOT NULL
