"""From a free time to a visit: kept, then booked by whoever is logged in or by a guest."""
