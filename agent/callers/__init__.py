"""Simulated callers: play scripted or recorded calls against the real agent, grade the rows."""
