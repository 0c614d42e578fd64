"""Packets in, pictures out; knows neither SIP nor devices."""
