"""The TLS settings of a connection."""

import ssl

from xase._client.config import Config


def tls(config: Config) -> bool | ssl.SSLContext:
    """What the HTTP library is to verify certificates with.

    For a server without TLS: nobody. Reading the authorities takes up to a third of a second, which
    a client of a server on the same machine need not spend; should TLS come up after all, it fails.
    """
    return True if config.base_url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
