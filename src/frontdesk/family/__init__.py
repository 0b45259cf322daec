"""Families: for whom somebody may act, and acting for them (ADR-0031)."""
