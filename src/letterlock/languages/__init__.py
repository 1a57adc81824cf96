"""The languages that the reports speak: a catalogue each, `TAG.po` (docs/translations.md)."""
