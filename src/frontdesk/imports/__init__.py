"""Appointments from elsewhere: a CSV file of past or future visits becomes rows of the book.

A file is read record by record (`records`), columns find their fields (`columns`), a record becomes a row or a refusal
(`rows`), names become providers, clinics and visit types (`directory`), and batches of rows are claimed (`claiming`).
`appointments` runs it all; `report` tells the operator.
"""
