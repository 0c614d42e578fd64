"""The only sockets of the SIP stack."""
