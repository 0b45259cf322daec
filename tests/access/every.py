"""The recipes of all operations."""

from tests.access.recipes import OWN
from tests.access.recipes_of_factors import FACTORS
from tests.access.recipes_of_family import FAMILY
from tests.access.recipes_of_links import LINKS
from tests.access.recipes_of_log_ins import LOG_INS
from tests.access.recipes_of_pages import PAGES
from tests.access.recipes_of_waitlist import WAITLIST

RECIPES = {**OWN, **LOG_INS, **FACTORS, **FAMILY, **LINKS, **PAGES, **WAITLIST}
