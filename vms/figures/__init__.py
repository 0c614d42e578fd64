"""The figures operators are judged by: seconds by state, rates, outages, and what they rest on."""
