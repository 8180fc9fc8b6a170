"""OpenAI Realtime: speech to speech, in the place of recognizer, model and synthesizer."""
