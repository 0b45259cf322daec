"""How fast and how usable the pages are, by Lighthouse."""
