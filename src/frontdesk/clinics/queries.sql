-- name: clinics
-- One page in the order of ids.
SELECT id, name, time_zone, country, region, address, phone, latitude, longitude, remind_day_min,
       remind_hours_min, active, version, created_at, changed_at
FROM clinic
WHERE (%(after_id)s::uuid IS NULL OR id > %(after_id)s)
  AND (%(active)s::boolean IS NULL OR active = %(active)s)
ORDER BY id LIMIT %(rows)s;

-- name: clinic
-- One clinic.
SELECT id, name, time_zone, country, region, address, phone, latitude, longitude, remind_day_min,
       remind_hours_min, active, version, created_at, changed_at
FROM clinic WHERE id = %(clinic_id)s;

-- name: lock_clinic
-- Hold the clinic: bookings there hold it FOR SHARE, so none is under way when this returns.
SELECT id, name, time_zone, country, region, address, phone, latitude, longitude, remind_day_min, remind_hours_min,
       active, version
FROM clinic WHERE id = %(clinic_id)s FOR UPDATE;

-- name: insert_clinic
-- A new clinic, active at once.
INSERT INTO clinic (id, name, time_zone, country, region, address, phone, latitude, longitude, remind_day_min,
                    remind_hours_min, changed_by, request_id)
VALUES (%(id)s, %(name)s, %(time_zone)s, %(country)s, %(region)s, %(address)s, %(phone)s, %(latitude)s, %(longitude)s,
        %(remind_day_min)s, %(remind_hours_min)s, %(changed_by)s, %(request_id)s)
RETURNING id, name, time_zone, country, region, address, phone, latitude, longitude, remind_day_min,
       remind_hours_min, active, version, created_at, changed_at;

-- name: update_clinic
-- The whole row: it is locked, and what was not sent is what was read.
UPDATE clinic
SET name = %(name)s, time_zone = %(time_zone)s, country = %(country)s, region = %(region)s, address = %(address)s,
    phone = %(phone)s, latitude = %(latitude)s, longitude = %(longitude)s, remind_day_min = %(remind_day_min)s,
    remind_hours_min = %(remind_hours_min)s, active = %(active)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s
RETURNING id, name, time_zone, country, region, address, phone, latitude, longitude, remind_day_min,
       remind_hours_min, active, version, created_at, changed_at;

-- name: clinic_has_future
-- Whether a live appointment or hold lies ahead at the clinic.
SELECT EXISTS (
    SELECT FROM taken
    WHERE clinic_id = %(clinic_id)s AND upper(during) > now()
      AND (status IN ('scheduled', 'confirmed', 'checked_in', 'in_progress')
           OR (status = 'held' AND hold_expires_at > now()))
) AS has_future;

-- name: rooms
-- One page of a clinic's rooms in the order of ids.
SELECT id, clinic_id, name, kind, active, version, created_at, changed_at
FROM room
WHERE clinic_id = %(clinic_id)s AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s)
ORDER BY id LIMIT %(rows)s;

-- name: room
-- One room of the clinic.
SELECT id, clinic_id, name, kind, active, version, created_at, changed_at
FROM room WHERE id = %(room_id)s AND clinic_id = %(clinic_id)s;

-- name: lock_room
-- Hold the room while it changes.
SELECT id, name, kind, active, version FROM room WHERE id = %(room_id)s AND clinic_id = %(clinic_id)s FOR UPDATE;

-- name: insert_room
-- A new room, active at once.
INSERT INTO room (id, clinic_id, name, kind, changed_by, request_id)
VALUES (%(id)s, %(clinic_id)s, %(name)s, %(kind)s, %(changed_by)s, %(request_id)s)
RETURNING id, clinic_id, name, kind, active, version, created_at, changed_at;

-- name: update_room
-- The whole row: it is locked, and what was not sent is what was read.
UPDATE room
SET name = %(name)s, kind = %(kind)s, active = %(active)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s
RETURNING id, clinic_id, name, kind, active, version, created_at, changed_at;

-- name: specialties
-- One page in the order of ids.
SELECT id, name, version, created_at, changed_at
FROM specialty
WHERE (%(after_id)s::uuid IS NULL OR id > %(after_id)s)
ORDER BY id LIMIT %(rows)s;

-- name: specialty
-- One specialty.
SELECT id, name, version, created_at, changed_at FROM specialty WHERE id = %(specialty_id)s;

-- name: insert_specialty
-- A new specialty; its name is unique without regard to case and accents.
INSERT INTO specialty (id, name, changed_by, request_id)
VALUES (%(id)s, %(name)s, %(changed_by)s, %(request_id)s)
RETURNING id, name, version, created_at, changed_at;

-- name: lock_specialty
-- Hold the specialty while it changes.
SELECT id, name, version FROM specialty WHERE id = %(specialty_id)s FOR UPDATE;

-- name: update_specialty
-- The whole row: it is locked, and what was not sent is what was read.
UPDATE specialty SET name = %(name)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s
RETURNING id, name, version, created_at, changed_at;

-- name: visit_types
-- One page in the order of ids.
SELECT id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min, horizon_days,
       max_per_day, one_future_per_provider, mode, room_kind, self_bookable, capacity, what_to_bring,
       active, version, created_at, changed_at
FROM visit_type
WHERE (%(after_id)s::uuid IS NULL OR id > %(after_id)s)
  AND (%(active)s::boolean IS NULL OR active = %(active)s)
ORDER BY id LIMIT %(rows)s;

-- name: visit_type
-- One visit type.
SELECT id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min, horizon_days,
       max_per_day, one_future_per_provider, mode, room_kind, self_bookable, capacity, what_to_bring,
       active, version, created_at, changed_at
FROM visit_type WHERE id = %(visit_type_id)s;

-- name: lock_visit_type
-- Hold the visit type while it changes.
SELECT id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min, horizon_days,
       max_per_day, one_future_per_provider, mode, room_kind, self_bookable, capacity, what_to_bring, active, version
FROM visit_type WHERE id = %(visit_type_id)s FOR UPDATE;

-- name: insert_visit_type
-- A new visit type, active at once.
INSERT INTO visit_type (id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min,
                        horizon_days, max_per_day, one_future_per_provider, mode, room_kind, self_bookable, capacity,
                        what_to_bring, changed_by, request_id)
VALUES (%(id)s, %(name)s, %(duration_min)s, %(slot_step_min)s, %(buffer_before_min)s, %(buffer_after_min)s,
        %(min_notice_min)s, %(horizon_days)s, %(max_per_day)s, %(one_future_per_provider)s, %(mode)s, %(room_kind)s,
        %(self_bookable)s, %(capacity)s, %(what_to_bring)s, %(changed_by)s, %(request_id)s)
RETURNING id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min, horizon_days,
          max_per_day, one_future_per_provider, mode, room_kind, self_bookable, capacity, what_to_bring,
          active, version, created_at, changed_at;

-- name: update_visit_type
-- The whole row: it is locked, and what was not sent is what was read.
UPDATE visit_type
SET name = %(name)s, duration_min = %(duration_min)s, slot_step_min = %(slot_step_min)s,
    buffer_before_min = %(buffer_before_min)s, buffer_after_min = %(buffer_after_min)s,
    min_notice_min = %(min_notice_min)s, horizon_days = %(horizon_days)s,
    max_per_day = %(max_per_day)s, one_future_per_provider = %(one_future_per_provider)s, mode = %(mode)s, room_kind = %(room_kind)s,
    self_bookable = %(self_bookable)s, capacity = %(capacity)s, what_to_bring = %(what_to_bring)s, active = %(active)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s
RETURNING id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min, horizon_days,
          max_per_day, one_future_per_provider, mode, room_kind, self_bookable, capacity, what_to_bring,
          active, version, created_at, changed_at;

-- name: room_kinds
-- What kinds of rooms there are and are asked for.
SELECT kind FROM room UNION SELECT room_kind FROM visit_type WHERE room_kind IS NOT NULL ORDER BY kind;

-- name: visit_type_named
-- Whether another visit type in use has this name, which is not the one that it has already.
SELECT EXISTS (SELECT FROM visit_type WHERE active AND fold(name) = fold(%(name)s) AND id IS DISTINCT FROM %(but)s::uuid)
       AND NOT EXISTS (SELECT FROM visit_type WHERE id = %(but)s::uuid AND fold(name) = fold(%(name)s)) AS taken;
