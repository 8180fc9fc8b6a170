"""Telnyx's side of TeXML: documents carried out, forms and callbacks sent."""
