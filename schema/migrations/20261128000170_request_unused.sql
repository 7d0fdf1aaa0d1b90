-- No statement needs it: what is not there is an empty answer, or a rule of the tables says so.
DROP FUNCTION request_not_found(text);
