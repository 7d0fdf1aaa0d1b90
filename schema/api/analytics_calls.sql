-- Calls of a period by day, ISO week (its Monday; of its days those of the period) or campaign; from the rollup. Days and weeks without a
-- call are there with zeros, campaigns without one are not. avg_duration: seconds over all calls.
WITH period AS MATERIALIZED (
    SELECT p.first_day, p.last_day
    FROM request_period(:period::text
        , _date_from => :date_from::text        -- if date_from
        , _date_to => :date_to::text            -- if date_to
    ) p
), counted AS MATERIALIZED (
    SELECT CASE :group_by::text WHEN 'day' THEN t.day WHEN 'week' THEN date_trunc('week', t.day::timestamp)::date END AS date,
           CASE :group_by::text WHEN 'campaign' THEN t.campaign_id END AS campaign_id,
           sum(t.total_calls) AS total_calls, sum(t.answered) AS answered, sum(t.no_answer) AS no_answer, sum(t.busy) AS busy,
           sum(t.failed) AS failed, sum(t.voicemail) AS voicemail, sum(t.positive) AS positive, sum(t.neutral) AS neutral,
           sum(t.negative) AS negative, round(sum(t.duration_seconds) / nullif(sum(t.total_calls), 0)) AS avg_duration
    FROM period p
    JOIN analytics_call_daily t ON t.organization_id = request_organization_id() AND t.day BETWEEN p.first_day AND p.last_day
    GROUP BY 1, 2
)
SELECT json_build_object('data', CASE :group_by::text WHEN 'campaign' THEN (
    SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT s.campaign_id, (SELECT c.name FROM campaigns c WHERE c.id = s.campaign_id) AS campaign_name,
               s.total_calls, s.answered, s.no_answer, s.busy, s.failed, s.voicemail, s.positive, s.neutral, s.negative,
               coalesce(s.avg_duration, 0) AS avg_duration
        FROM counted s
        WHERE s.total_calls <> 0
        ORDER BY s.total_calls DESC, s.campaign_id) r)
ELSE (
    SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT d.date, coalesce(s.total_calls, 0) AS total_calls, coalesce(s.answered, 0) AS answered,
               coalesce(s.no_answer, 0) AS no_answer, coalesce(s.busy, 0) AS busy, coalesce(s.failed, 0) AS failed,
               coalesce(s.voicemail, 0) AS voicemail, coalesce(s.positive, 0) AS positive, coalesce(s.neutral, 0) AS neutral,
               coalesce(s.negative, 0) AS negative, coalesce(s.avg_duration, 0) AS avg_duration
        FROM (SELECT g::date AS date
              FROM period p
              CROSS JOIN LATERAL generate_series(
                  CASE :group_by::text WHEN 'week' THEN date_trunc('week', p.first_day::timestamp) ELSE p.first_day::timestamp END,
                  p.last_day::timestamp, CASE :group_by::text WHEN 'week' THEN interval '7 days' ELSE interval '1 day' END) g) d
        LEFT JOIN counted s ON s.date = d.date
        ORDER BY d.date) r) END)
