"""Text for the ear: what is written for the eye, as English speakers would say it. Pure."""

from voiced.spoken_text.spoken import Speaker, for_the_ear

__all__ = ["Speaker", "for_the_ear"]
