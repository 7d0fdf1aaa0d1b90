-- The plan's agents, one for each seeded campaign, unless an agent of that name is there (deleted ones count: the
-- tenant did not want it). $1 organization
INSERT INTO agents (organization_id, name, language, tone, status, system_prompt, sentiment_rules, voice_settings)
SELECT $1::uuid, seed.name, 'English', seed.tone::agent_tone, 'active', seed.prompt,
       '{"positive": ["confirms", "thanks", "agrees"], "neutral": ["asks for time", "asks a question"],
         "negative": ["complains", "refuses", "asks not to be called"]}'::jsonb,
       '{"speed": 1.0, "pitch": 1.0}'::jsonb
FROM (VALUES
    ('Order Confirmation Agent', 'professional',
     'You call a customer who ordered with cash on delivery. Say which shop you call for, name the order and its amount, '
     'ask whether the order and the delivery address are right, and note a cancellation or a changed address. '
     'Be brief, never ask for payment details, and end the call politely when asked to.'),
    ('Cart Recovery Agent', 'friendly',
     'You call a customer who left a cart without buying. Say which shop you call for, name the items, ask whether '
     'something was in the way and offer to send the link to the cart again. Accept a no at once, and end the call '
     'politely when asked to.')
) AS seed (name, tone, prompt)
WHERE NOT EXISTS (SELECT FROM agents a WHERE a.organization_id = $1::uuid AND a.name = seed.name)
