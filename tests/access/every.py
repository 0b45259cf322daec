"""The recipes of all operations."""

from tests.access.recipes import OWN
from tests.access.recipes_of_factors import FACTORS
from tests.access.recipes_of_links import LINKS

RECIPES = {**OWN, **FACTORS, **LINKS}
