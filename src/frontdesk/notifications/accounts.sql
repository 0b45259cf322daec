-- name: language_of_email
-- What the patient speaks who logs in with this address; no row for anybody else.
SELECT p.language FROM user_account u JOIN patient p ON p.id = u.patient_id WHERE lower(u.email) = lower(%(to)s);

-- name: language_of_phone
-- What the patients with this number speak, if it is one language. The pattern is for the index, which knows digits only.
SELECT min(p.language) AS language FROM patient p
WHERE regexp_replace(p.phone, '\D', '', 'g') LIKE regexp_replace(%(to)s::text, '\D', '', 'g') AND p.phone = %(to)s::text
HAVING count(DISTINCT p.language) = 1;
