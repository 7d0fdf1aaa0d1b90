-- The plan's pre-seeded campaigns, paused: nobody is called before a member switches them on. $1 organization
INSERT INTO campaigns (organization_id, name, description, status, concurrency, schedule, settings)
SELECT o.id, seed.name, seed.description, 'paused', seed.concurrency,
       jsonb_build_object('days', seed.days::jsonb, 'start_time', seed.start_time, 'end_time', seed.end_time,
                          'timezone', o.timezone),
       jsonb_build_object('max_attempts', seed.max_attempts, 'call_recording', true, 'retry_delay_minutes', seed.retry)
FROM organizations o
CROSS JOIN (VALUES
    ('Order Confirmation', 'Confirm COD orders via voice call', 5,
     '["monday", "tuesday", "wednesday", "thursday", "friday"]', '09:00', '17:00', 3, 60),
    ('Abandoned Cart Recovery', 'Call customers who left a cart and help them to finish the purchase', 5,
     '["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]', '10:00', '18:00', 2, 120)
) AS seed (name, description, concurrency, days, start_time, end_time, max_attempts, retry)
WHERE o.id = $1::uuid
  AND NOT EXISTS (SELECT FROM campaigns c WHERE c.organization_id = o.id AND c.name = seed.name)
