-- The link in a message about an offer of the waitlist opens the offer, and accepts or declines it.

DROP FUNCTION guest_link(uuid, interval);
CREATE FUNCTION guest_link(of_appointment uuid, lives_on interval)
    RETURNS TABLE (patient_id uuid, generation integer, first_name text, language text, expires_at timestamptz, appointment_id uuid,
                   offer_id uuid, offer_status text, offered_until timestamptz, entry_id uuid, displaced boolean, later_id uuid,
                   later_start timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT p.id, p.link_generation, p.first_name, p.language, upper(v.during) + lives_on, v.id,
               o.id, o.status, o.expires_at, e.id, e.exception_id IS NOT NULL, l.id, l.start_at
        FROM appointment a
        JOIN patient p ON p.id = a.patient_id
        LEFT JOIN waitlist_offer o ON o.appointment_id = a.id
        LEFT JOIN waitlist_entry e ON e.id = o.entry_id
        LEFT JOIN appointment l ON l.id = e.appointment_id AND l.status IN ('scheduled', 'confirmed') AND l.start_at > now()
        JOIN appointment v
            ON v.id = CASE WHEN o.status = 'accepted' AND e.appointment_id IS NOT NULL
                                AND NOT EXISTS (SELECT FROM appointment_history h
                                                WHERE h.appointment_id = a.id AND h.to_status = 'scheduled')
                           THEN e.appointment_id ELSE a.id END
        WHERE a.id = of_appointment AND p.active AND (a.status NOT IN ('held', 'expired') OR o.id IS NOT NULL)
          AND upper(v.during) + lives_on > now();
    END;

-- The waitlist entry whose offer this transaction answers, because the link to it was shown and proven.
CREATE FUNCTION viewer_entry() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_entry', true), '')::uuid;

-- The later visit that this answer would move.
CREATE FUNCTION viewer_later() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_later', true), '')::uuid;

ALTER POLICY theirs ON appointment USING (
    patient_id = (SELECT viewer_patient())
    OR provider_id = (SELECT viewer_provider())
    OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[])
    OR (SELECT viewer_role()) = 'admin'
    OR (request_id = (SELECT viewer_request()) AND changed_by = (SELECT viewer_user()))
    OR hold_client = (SELECT viewer_user())::text
    OR (hold_token_hash = (SELECT viewer_hold()) AND patient_id IS NULL)
    OR id = (SELECT viewer_appointment())
    OR id = (SELECT viewer_later()));

ALTER POLICY theirs ON waitlist_entry USING (
    patient_id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR clinic_ids && (SELECT viewer_clinics())::uuid[]
    OR ((SELECT viewer_clinics()) IS NOT NULL AND clinic_ids IS NULL AND of_clinics((SELECT viewer_clinics()), patient_id))
    OR ((SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), patient_id))
    OR id = (SELECT viewer_entry()));
