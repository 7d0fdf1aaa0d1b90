-- Whose calls these are. One element per event: $1 provider text[], $2 external_call_id text[], hints of the echoed metadata:
-- $3 organization_id text[], $4 agent_id text[], $5 campaign_id text[] (as sent: a uuid or anything), $6 provider_agent_id
-- text[], $7 our_number text[].
-- -> idx int (from 0), organization_id, agent_id, campaign_id; no row for an event whose tenant nobody knows.
-- The tenant: of our call row; else of the metadata (its organization, else that of its agent or campaign); else of the only
-- tenant whose agents have this provider_agent_id, else this phone_number. Two tenants with the same one are nobody: a member
-- could claim another's calls that way. What one event of a call says about the tenant goes for all of its events here.
-- Agent and campaign are the tenant's or NULL, and follow from the event alone: upsert_calls.sql weighs events by their version.
WITH event AS MATERIALIZED (
    SELECT (e.n - 1)::integer AS idx, e.provider, e.external_call_id, uuid_or_null(e.organization_id) AS organization_id,
           uuid_or_null(e.agent_id) AS agent_id, uuid_or_null(e.campaign_id) AS campaign_id,
           nullif(e.provider_agent_id, '') AS provider_agent_id, voice_number(e.our_number) AS our_number
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        WITH ORDINALITY e (provider, external_call_id, organization_id, agent_id, campaign_id, provider_agent_id, our_number, n)
), owned AS MATERIALIZED (
    SELECT e.*,
           coalesce(
               (SELECT t.organization_id::text FROM calls t
                WHERE t.provider = e.provider AND t.external_call_id = e.external_call_id),
               min(coalesce((SELECT o.id FROM organizations o WHERE o.id = e.organization_id),
                            (SELECT a.organization_id FROM agents a WHERE a.id = e.agent_id),
                            (SELECT c.organization_id FROM campaigns c WHERE c.id = e.campaign_id))::text) OVER same_call,
               min((SELECT min(a.organization_id::text) FROM agents a
                    WHERE md5(a.voice_settings ->> 'provider_agent_id') = md5(e.provider_agent_id)
                      AND a.voice_settings ->> 'provider_agent_id' <> ''
                      AND a.voice_settings ->> 'provider_agent_id' = e.provider_agent_id AND a.deleted_at IS NULL
                    HAVING count(DISTINCT a.organization_id) = 1)) OVER same_call,
               min((SELECT min(a.organization_id::text) FROM agents a
                    WHERE md5(voice_number(a.voice_settings ->> 'phone_number')) = md5(e.our_number)
                      AND a.voice_settings ->> 'phone_number' <> ''
                      AND voice_number(a.voice_settings ->> 'phone_number') = e.our_number AND a.deleted_at IS NULL
                    HAVING count(DISTINCT a.organization_id) = 1)) OVER same_call)::uuid AS owner
    FROM event e
    WINDOW same_call AS (PARTITION BY e.provider, e.external_call_id)
)
SELECT e.idx, e.owner AS organization_id,
       coalesce((SELECT CASE WHEN a.organization_id = e.owner THEN a.id END FROM agents a WHERE a.id = e.agent_id),
                (SELECT a.id FROM agents a
                 WHERE md5(a.voice_settings ->> 'provider_agent_id') = md5(e.provider_agent_id)
                   AND a.voice_settings ->> 'provider_agent_id' <> ''
                   AND a.voice_settings ->> 'provider_agent_id' = e.provider_agent_id AND a.organization_id = e.owner
                 ORDER BY a.deleted_at IS NOT NULL, a.created_at, a.id LIMIT 1),
                (SELECT a.id FROM agents a
                 WHERE md5(voice_number(a.voice_settings ->> 'phone_number')) = md5(e.our_number)
                   AND a.voice_settings ->> 'phone_number' <> ''
                   AND voice_number(a.voice_settings ->> 'phone_number') = e.our_number AND a.organization_id = e.owner
                 ORDER BY a.deleted_at IS NOT NULL, a.created_at, a.id LIMIT 1)) AS agent_id,
       (SELECT CASE WHEN c.organization_id = e.owner THEN c.id END FROM campaigns c WHERE c.id = e.campaign_id) AS campaign_id
FROM owned e
WHERE e.owner IS NOT NULL
ORDER BY e.idx
