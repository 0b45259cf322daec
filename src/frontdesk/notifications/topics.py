"""What a patient is called at a push service of the clinic's own (`FRONTDESK_PUSH_URL`)."""

from uuid import UUID

from frontdesk.secrets import Keys
from frontdesk.settings import Settings


def topic_of(keys: Keys, patient_id: UUID) -> str:
    """Nobody guesses it, and it tells nothing. Whoever knows it reads the patient's messages there."""
    return keys.digest("push topics", str(patient_id)).hex()[:32]


def subscription(config: Settings, keys: Keys, patient_id: UUID) -> dict[str, str | None]:
    """How the patient subscribes: `push_topic` there, and the page `push_subscribe_at`, if the settings name one."""
    if config.push_url is None:
        return {"push_topic": None, "push_subscribe_at": None}
    topic = topic_of(keys, patient_id)
    page = config.push_subscribe_url
    return {"push_topic": topic, "push_subscribe_at": page.replace("{to}", topic) if page else None}
