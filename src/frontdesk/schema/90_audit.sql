-- Who is audited: every table that somebody writes.

CREATE TRIGGER version BEFORE UPDATE ON clinic FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON room FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON specialty FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON visit_type FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON provider FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON user_account FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON schedule_exception FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON appointment FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON notification_preference FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON visit FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON waitlist_entry FOR EACH ROW EXECUTE FUNCTION next_version();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON clinic FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON room FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON specialty FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON visit_type FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider_specialty FOR EACH ROW EXECUTE FUNCTION audit('provider_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider_clinic FOR EACH ROW EXECUTE FUNCTION audit('provider_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider_visit_type FOR EACH ROW EXECUTE FUNCTION audit('provider_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON patient FOR EACH ROW EXECUTE FUNCTION audit('id', '{national_id_index}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON patient_clinic FOR EACH ROW EXECUTE FUNCTION audit('patient_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON guardianship FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON user_account FOR EACH ROW EXECUTE FUNCTION audit('id', '{password_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON user_clinic FOR EACH ROW EXECUTE FUNCTION audit('user_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON login_session FOR EACH ROW EXECUTE FUNCTION audit('id', '{refresh_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON api_key FOR EACH ROW EXECUTE FUNCTION audit('id', '{key_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON totp_factor FOR EACH ROW EXECUTE FUNCTION audit('user_id', '{secret}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON recovery_code FOR EACH ROW EXECUTE FUNCTION audit('user_id', '{code_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON passkey FOR EACH ROW EXECUTE FUNCTION audit('id', '{credential_id,public_key}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON schedule FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON schedule_exception FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON closure FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON appointment FOR EACH ROW EXECUTE FUNCTION audit('id', '{hold_token_hash,meeting}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON appointment_group FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON waitlist_entry FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON waitlist_offer FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON visit FOR EACH ROW EXECUTE FUNCTION audit('appointment_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON medical_record FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON break_glass FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON notification_preference FOR EACH ROW EXECUTE FUNCTION audit('patient_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON push_subscription FOR EACH ROW EXECUTE FUNCTION audit('patient_id', '{endpoint,sealed}');

-- Ledgers are records themselves: an INSERT into one already says who, when and in which request. What is audited is
-- any attempt to change or remove a line.
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON appointment_history FOR EACH ROW EXECUTE FUNCTION audit('appointment_id');
-- To number an event, or to let one go that was numbered, is no change of what it says.
CREATE TRIGGER audit_update AFTER UPDATE ON outbox FOR EACH ROW
    WHEN (to_jsonb(NEW) - 'position' <> to_jsonb(OLD) - 'position' OR OLD.position <> NEW.position) EXECUTE FUNCTION audit('event_id');
CREATE TRIGGER audit_delete AFTER DELETE ON outbox FOR EACH ROW WHEN (OLD.position IS NULL) EXECUTE FUNCTION audit('event_id');
CREATE TRIGGER audit_update AFTER UPDATE ON idempotency_key FOR EACH ROW WHEN (OLD.answer IS NOT NULL)
    EXECUTE FUNCTION audit('key', '{answer,request_hash}');
CREATE TRIGGER audit_delete AFTER DELETE ON idempotency_key FOR EACH ROW WHEN (OLD.answer IS NOT NULL) EXECUTE FUNCTION audit('key', '{answer,request_hash}');
-- How far a message has got is told by its own line; what the line is about cannot change (notification_guard).
CREATE TRIGGER audit AFTER DELETE ON notification FOR EACH ROW EXECUTE FUNCTION audit('id');
