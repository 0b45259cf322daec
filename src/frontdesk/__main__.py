"""The `frontdesk` command, also as `python -m frontdesk`."""

import gc
import os
import signal
import sys
import tempfile


def main() -> None:
    """Import the rest, and run it."""
    # Ctrl-C while the rest is still being imported ends quietly; from then on Python handles it as always.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] == ["serve"]:
        # prometheus_client looks when it is imported whether processes share what they count; `server` says where.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="frontdesk-metrics-")
    gc.disable()  # what is imported stays: to look through it again and again would be a sixth of the start
    from frontdesk.cli import main as command  # noqa: PLC0415

    gc.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


if __name__ == "__main__":
    main()
