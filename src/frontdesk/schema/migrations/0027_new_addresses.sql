-- Who logs in by another e-mail address from now on proves it first: the code, and until then the address.

ALTER TABLE contact_code ADD COLUMN new_address bytea;
ALTER TABLE contact_code DROP CONSTRAINT contact_code_channel_check;
ALTER TABLE contact_code ADD CONSTRAINT contact_code_channel_check CHECK (channel IN ('email', 'phone', 'new_address'));
ALTER TABLE contact_code ADD CONSTRAINT contact_code_new_address_kept CHECK (
    (channel = 'new_address') = (new_address IS NOT NULL));

CREATE OR REPLACE FUNCTION void_resets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE password_reset SET used_at = now() WHERE user_id = NEW.id AND used_at IS NULL;
    DELETE FROM contact_code WHERE user_id = NEW.id AND channel = 'new_address';
    RETURN NULL;
END
$$;
