"""The requirements of a program -> locked, installed and compressed distributions."""
