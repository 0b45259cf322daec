"""`python -m frontdesk` is the `frontdesk` command."""

import signal

# Ctrl-C while the rest is still being imported ends quietly; from then on Python handles it as always.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from frontdesk.cli import main  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
