"""Hostile projects, artifacts and answers: what an attacker would try, and what flashc does then."""
