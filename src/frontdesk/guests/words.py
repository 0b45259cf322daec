"""The words of the pages, in each language that they speak."""

from babel import Locale, UnknownLocaleError

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Your appointment",
        "scheduled": "Your appointment is booked.",
        "confirmed": "Your appointment is booked, and you have said that you will come.",
        "cancelled": "This appointment is cancelled.",
        "over": "This visit has begun or is over.",
        "moved": "Your appointment has a new time.",
        "for": "For",
        "when": "When",
        "with": "With",
        "where": "Where",
        "phone": "Phone",
        "by_video": "By video. The link to join is in your message from the clinic.",
        "confirm": "Yes, I will come",
        "move": "Choose another time",
        "cancel": "Cancel this appointment",
        "cancel_reason": "Why? (You need not say.)",
        "keep_calendar": "Save to my calendar",
        "call": "To change anything else, please call the clinic.",
        "back": "Back to your appointment",
        "times": "Choose another time",
        "now": "Your time now",
        "no_times": "No time is free in these days.",
        "later": "Later days",
        "take": "Take this time",
        "slot-taken": "That time has just been taken. Your appointment stays as it was. These times are free:",
        "not-bookable": "That time cannot be booked here. Choose another, or call the clinic.",
        "already-booked": "You already have a visit with this provider. Please call the clinic.",
        "status-step": "That is not possible any more: see below how your appointment stands.",
        "stale-version": "Your appointment has changed meanwhile: see below how it stands, then choose again.",
        "invalid-request": "Something is missing or wrong. Choose again.",
        "busy": "That did not work just now. Nothing was changed; try again in a moment.",
        "summary": "Appointment at {clinic}",
        "gone": "This link does not work, or no longer",
        "gone_text": "Use the link in the newest message from your clinic, or call the clinic.",
    },
    "es": {
        "title": "Su cita",
        "scheduled": "Su cita está reservada.",
        "confirmed": "Su cita está reservada y usted ha dicho que vendrá.",
        "cancelled": "Esta cita está cancelada.",
        "over": "Esta visita ya empezó o ya terminó.",
        "moved": "Su cita tiene una nueva hora.",
        "for": "Para",
        "when": "Cuándo",
        "with": "Con",
        "where": "Dónde",
        "phone": "Teléfono",
        "by_video": "Por vídeo. El enlace para entrar está en el mensaje de la clínica.",
        "confirm": "Sí, iré",
        "move": "Elegir otra hora",
        "cancel": "Cancelar esta cita",
        "cancel_reason": "¿Por qué? (No es necesario decirlo.)",
        "keep_calendar": "Guardar en mi calendario",
        "call": "Para cualquier otro cambio, llame a la clínica.",
        "back": "Volver a su cita",
        "times": "Elija otra hora",
        "now": "Su hora actual",
        "no_times": "No hay horas libres en estos días.",
        "later": "Días siguientes",
        "take": "Tomar esta hora",
        "slot-taken": "Esa hora se acaba de ocupar. Su cita sigue como estaba. Estas horas están libres:",
        "not-bookable": "Esa hora no se puede reservar aquí. Elija otra o llame a la clínica.",
        "already-booked": "Ya tiene una visita con este profesional. Llame a la clínica.",
        "status-step": "Eso ya no es posible: vea abajo cómo está su cita.",
        "stale-version": "Su cita ha cambiado mientras tanto: vea abajo cómo está y elija de nuevo.",
        "invalid-request": "Falta algo o hay un error. Elija de nuevo.",
        "busy": "No ha funcionado en este momento. No se ha cambiado nada; inténtelo de nuevo.",
        "summary": "Cita en {clinic}",
        "gone": "Este enlace no funciona, o ya no",
        "gone_text": "Use el enlace del mensaje más reciente de su clínica o llame a la clínica.",
    },
}


def locale_of(language: str | None) -> Locale:
    """How to speak to somebody of this language (BCP 47): theirs, with its habits of dates, or English."""
    try:
        locale = Locale.parse(language or "en", sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
    return locale if locale.language in WORDS else Locale("en")
