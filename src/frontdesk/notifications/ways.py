"""Which way each channel takes: what the settings name, and the file of the data folder where they name nothing."""

from email.utils import parseaddr

from frontdesk.ports.gateways import Gateway
from frontdesk.ports.letters import Way, stand_in
from frontdesk.ports.smtp import Smtp
from frontdesk.ports.webpush import WebPush
from frontdesk.secrets import keys
from frontdesk.settings import Settings


def ways_of(config: Settings) -> dict[str, Way]:
    """A way for each channel, not yet open."""
    patience_s = config.delivery_timeout.total_seconds()
    mail: Way = stand_in(config)
    if config.smtp_url is not None:
        mail = Smtp(config.smtp_url.get_secret_value(), config.mail_from, patience_s=patience_s)
    texts: Way = stand_in(config)
    if config.sms_url is not None:
        texts = Gateway(config.sms_url.get_secret_value(), patience_s=patience_s)
    push: Way = stand_in(config)
    if config.push_url is not None:
        push = Gateway(config.push_url.get_secret_value(), patience_s=patience_s)
    elif config.smtp_url is not None:  # push services want to know whom to write to, should we annoy them
        push = WebPush(keys(), f"mailto:{parseaddr(config.mail_from)[1]}", patience_s=patience_s)
    return {"email": mail, "sms": texts, "push": push}
