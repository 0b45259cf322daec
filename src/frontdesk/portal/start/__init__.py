"""Where somebody who tries Frontdesk begins. Only where the demo is."""
