"""What people say and write in the demo: reasons to come, bios, notes of a visit. Our own sentences."""

BIOS: tuple[str, ...] = (
    "{name} has worked in {field} for {years} years and likes to explain a plan until it makes sense to you.",
    "Patients know {name} for taking time. {years} years in {field}, the last of them here with us.",
    "{name} trained in {field}, taught for a while, and came back to the consulting room {years} years ago.",
    "With {years} years in {field}, {name} believes in few tests, clear words and a follow-up that happens.",
    "{name} joined us after {years} years of hospital work in {field}.",
    "{name} has seen patients in {field} for {years} years and works closely with the other practices in town.",
    "Careful listening first, then a plan: {name}, {years} years in {field}.",
    "{name} divides the week between consultations and teaching, with {years} years of experience in {field}.",
)

REASONS: dict[str, tuple[str, ...]] = {
    "new": ("First visit", "Would like a second opinion", "New to the area", "Referred by another clinic"),
    "follow": ("Follow-up", "Talk about results", "Check after last visit", "Medication review"),
    "long": ("Several things to discuss", "Symptoms for some weeks", "Plan further treatment"),
    "physical": ("Yearly check-up", "Check-up for work", "Check-up before travelling"),
    "tele": ("Repeat prescription", "Short question about results", "Follow-up by video"),
    "urgent": ("Sore throat and fever", "Twisted ankle", "Cut on the hand", "Stomach pain since yesterday", "Ear ache"),
    "procedure": ("Removal of a small lump", "Injection", "Planned procedure"),
    "vaccine": ("Flu vaccination", "Tetanus booster", "Travel vaccination"),
    "therapy": ("Regular session",),
    "teletherapy": ("Regular session, online",),
    "physio": ("Back pain", "Knee after surgery", "Shoulder", "Neck and posture"),
}

CANCELLED: tuple[str, ...] = (
    "Cancelled by the patient: feeling better",
    "Cancelled by the patient: cannot get off work",
    "Cancelled by the patient",
    "Cancelled by the clinic: provider ill",
    "Cancelled by the patient: booked elsewhere",
)

# (complaint, diagnosis, plan, prescription or None, days until the follow-up or None)
Note = tuple[str, str, str, tuple[str, str, str] | None, int | None]

NOTES: tuple[Note, ...] = (
    ("Tired for some weeks", "Iron deficiency", "Iron for three months, then blood count again.",
     ("Ferrous sulfate", "100 mg", "one tablet in the morning"), 90),
    ("Cough and runny nose for four days", "Common cold", "Rest, fluids; come back if fever stays.", None, None),
    ("Blood pressure high at home", "Hypertension", "Keep a diary of readings, less salt, start medication.",
     ("Amlodipine", "5 mg", "one tablet a day"), 28),
    ("Itching skin on both hands", "Contact dermatitis", "Avoid the cleaning agent, cream twice a day.",
     ("Hydrocortisone cream", "1 %", "thinly, twice a day, for a week"), 14),
    ("Pain in the lower back after lifting", "Low back strain", "Keep moving, warmth, exercises shown.",
     ("Ibuprofen", "400 mg", "up to three times a day with food, for five days"), None),
    ("Check-up, no complaints", "No abnormal findings", "Next check-up in a year.", None, 365),
    ("Trouble sleeping", "Insomnia", "Sleep diary, fixed hours, no screens late; talk again.", None, 21),
    ("Burning when passing water", "Urinary tract infection", "Urine sent in; treatment started.",
     ("Nitrofurantoin", "100 mg", "twice a day for five days"), None),
    ("Knee pain when climbing stairs", "Patellofemoral pain", "Exercises for the thigh, physiotherapy.", None, 42),
    ("Sneezing and watery eyes in spring", "Allergic rhinitis", "Tablet when needed, allergy test offered.",
     ("Cetirizine", "10 mg", "one tablet in the evening"), None),
    ("Headache twice a week", "Tension headache", "Breaks at the desk, headache calendar for a month.", None, 30),
    ("Blood sugar check", "Type 2 diabetes, well controlled", "Continue as before, eyes once a year.",
     ("Metformin", "500 mg", "twice a day with meals"), 90),
)  # fmt: skip

VISIT_REMARKS: tuple[str, ...] = (
    "Explained and understood.",
    "Patient agrees with the plan.",
    "Questions answered; leaflet given.",
    "Brought a list of current medication; checked.",
)

INSURERS: dict[str, tuple[str, ...]] = {
    "US": ("Evergreen Health Plan", "Bluewater Mutual", "Summit Care", "Common Ground Insurance"),
    "DE": ("Nordlicht Krankenkasse", "Gesundheitskasse Mitte", "Handwerker BKK Musterland"),
    "GB": (),
    "AU": ("Southern Cross-Country Health", "Coral Health Fund"),
}
