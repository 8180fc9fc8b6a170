"""What a call is given: its surroundings, its staff, its flight recorder."""
