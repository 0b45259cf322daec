"""Patients: who they are, who may see them, and how they are found."""
