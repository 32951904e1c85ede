"""Operate on evaluated values, without syntax: operators, comparisons, containers, iteration."""
