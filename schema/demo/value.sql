-- One value of a JSON document, as text. psql variables: doc, path ("{totals,orders}")
SELECT :'doc'::jsonb #>> :'path'::text[]
