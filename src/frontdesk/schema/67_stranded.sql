-- What a change of working time leaves outside of it, at whichever clinic: times and ids, no patient (invariant 2).

-- After a change in this transaction. A session that holds a visit begins on the visit's local day, or the day before when
-- it runs across midnight.
CREATE FUNCTION stranded(of_provider uuid, at_clinic uuid, within tstzrange)
    RETURNS TABLE (id uuid, during tstzrange, clinic_id uuid, status text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.during, a.clinic_id, a.status
    FROM appointment a
    JOIN clinic c ON c.id = a.clinic_id
    WHERE (of_provider IS NULL OR a.provider_id = of_provider)
      AND (at_clinic IS NULL OR a.clinic_id = at_clinic)
      AND (within IS NULL OR a.during && within)
      AND a.start_at > now()
      AND (a.status IN ('scheduled', 'confirmed') OR (a.status = 'held' AND a.hold_expires_at > now()))
      AND NOT a.overridden && '{outside-working-time,time-off-or-closure}'
      AND NOT coalesce(
          a.during <@ (
              (SELECT range_agg(s.during)
               FROM working_session(a.provider_id, (a.start_at AT TIME ZONE c.time_zone)::date - 1,
                                    (upper(a.during) AT TIME ZONE c.time_zone)::date, a.clinic_id) AS s)
              - closed_time(a.provider_id, a.clinic_id, a.during)),
          false)
    ORDER BY a.id;
END
$$;

-- Keep these visits where they stand, marked with the reason. Locked in the order of ids, so that two such changes wait
-- for each other in one direction only.
CREATE FUNCTION keep_stranded(ids uuid[], because text, by_user uuid, in_request uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH kept AS MATERIALIZED (SELECT id FROM appointment WHERE id = ANY (ids) ORDER BY id FOR UPDATE)
    UPDATE appointment a
    SET override_reason = because, overridden = array_append(overridden, 'outside-working-time'), changed_by = by_user,
        request_id = in_request
    FROM kept
    WHERE a.id = kept.id;
END
$$;
