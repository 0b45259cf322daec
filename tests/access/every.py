"""The recipes of all operations."""

from tests.access.recipes import OWN
from tests.access.recipes_of_factors import FACTORS

RECIPES = {**OWN, **FACTORS}
