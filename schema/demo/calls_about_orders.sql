-- Retell's reports of calls whose customers changed their minds, one JSON document a line: about a few orders that are still to be sent.
-- The simulator does not know our ids; these name the order, its campaign and agent by their own. psql variable: organization
SELECT json_build_object('event', 'call_analyzed', 'event_timestamp', now_ms, 'call', json_build_object(
    'call_id', 'demo_' || o.id, 'call_type', 'phone_call', 'direction', 'outbound',
    'from_number', '+919800000001', 'to_number', o.customer_phone,
    'start_timestamp', now_ms - 42000, 'end_timestamp', now_ms, 'duration_ms', 42000, 'disconnection_reason', 'user_hangup',
    'metadata', json_build_object('organization_id', o.organization_id, 'order_id', o.id, 'order_number', o.order_number, 'payment_type', 'cod',
                                  'campaign_id', l.campaign_id, 'agent_id', l.agent_id),
    'transcript_object', (SELECT json_agg(json_build_object('role', t.role, 'content', t.content,
                                                            'words', json_build_array(json_build_object('word', '', 'start', t.at, 'end', t.at + 4))))
                          FROM (VALUES ('agent', 'Hello, I am calling about your order ' || o.order_number || '. Shall we send it today?', 1),
                                       ('user', 'No, please cancel it; I have bought it elsewhere.', 9),
                                       ('agent', 'That is no problem, I have cancelled it. Is there anything else I can do for you?', 16),
                                       ('user', 'No, thank you.', 27)) AS t (role, content, at)),
    'call_analysis', json_build_object('user_sentiment', 'Neutral', 'call_summary', 'The customer cancelled before anything was sent.',
                                       'custom_analysis_data', json_build_object('order_decision', 'cancelled'))))
FROM commerce_orders o
CROSS JOIN (SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms) clock
CROSS JOIN LATERAL (SELECT a.campaign_id, a.agent_id FROM campaign_agents a JOIN campaigns c ON c.id = a.campaign_id
                    WHERE c.organization_id = o.organization_id AND c.name = 'Order Confirmation' LIMIT 1) l
WHERE o.organization_id = :'organization' AND o.payment_type = 'cod' AND o.trigger_ready = 'ready'
ORDER BY o.order_created_at DESC, o.id LIMIT 5
