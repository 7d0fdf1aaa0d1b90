-- Where new sequences are everybody's by default, as on Supabase, this one was, too.
REVOKE ALL ON SEQUENCE dead_letter_retries_id_seq FROM PUBLIC, anon, authenticated;
GRANT ALL ON SEQUENCE dead_letter_retries_id_seq TO service_role;
