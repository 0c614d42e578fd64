"""SIP to and from the application: the only package that imports both."""
