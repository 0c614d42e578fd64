"""Ends with 0 when the server of this container answers /healthz, over HTTPS or plain."""

import http.client
import os
import ssl
import sys


def is_healthy(port: int) -> bool:
    """Ask this container's own server; the certificate is its own and proves nothing here."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    for connection in (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=trusting),
        http.client.HTTPConnection("127.0.0.1", port, timeout=2),
    ):
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(int(os.environ.get("VMS_HTTP__PORT", "8080"))) else 1)
