"""What is written down about a patient: at a visit, and for good."""
