"""Events on their way: in the order of what caused what, each with effect once, none lost."""
