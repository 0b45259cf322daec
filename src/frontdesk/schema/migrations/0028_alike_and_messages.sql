-- Where many share one number, whoever was born the same day is not missed for those who registered before; and an address is
-- not blamed for a message that failed before it was corrected.

CREATE OR REPLACE FUNCTION alike_patients(first_name text, last_name text, born_on date, of_email text, of_national_id bytea,
                                          phone_digits text) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT p.id FROM patient p
    WHERE (p.date_of_birth = born_on
           AND similarity(fold(p.first_name || ' ' || p.last_name),
                          fold(alike_patients.first_name || ' ' || alike_patients.last_name)) >= 0.4)
       OR lower(p.email) = lower(of_email)
       OR p.national_id_index = of_national_id
       OR (length(phone_digits) >= 7 AND regexp_replace(p.phone, '\D', '', 'g') = phone_digits)
    ORDER BY p.date_of_birth <> born_on, p.id LIMIT 100;
END
$$;

CREATE FUNCTION address_changed(who uuid, channel text, since timestamptz) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN EXISTS (
        SELECT FROM audit_entry e CROSS JOIN (VALUES ('email', 'email'), ('sms', 'phone')) AS f (channel, field)
        WHERE e.row_id = who::text AND e.table_name = 'patient' AND e.action = 'UPDATE' AND e.at > since
          AND f.channel = address_changed.channel AND e.old -> f.field IS DISTINCT FROM e.new -> f.field
    );
