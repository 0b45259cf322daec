"""Clinics with their rooms and closures, specialties and visit types: what everybody may read."""
