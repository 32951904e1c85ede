"""Define the intermediate representation (IR) of programs, and facts about the platform."""
