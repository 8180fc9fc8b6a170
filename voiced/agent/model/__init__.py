"""Language models as agents: what goes over their wires, and the dialogue around them."""
