"""MPEG transport streams (ISO/IEC 13818-1) in RTP, which some devices send instead of PS."""
