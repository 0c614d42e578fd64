"""RTSP 1.0 (RFC 2326): the way recorders, players and other platforms take pictures."""
