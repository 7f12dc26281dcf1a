"""Figures for the book: functions that take small tables and return a matplotlib Figure. Import the module you need."""
