"""What happened on the wire, and what it means: traces, causes, advice, replay."""
