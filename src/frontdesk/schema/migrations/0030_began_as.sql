-- A session that takes the place of another is still the same log-in: wrong passwords in both are counted together.
ALTER TABLE login_session ADD COLUMN began_as uuid;
