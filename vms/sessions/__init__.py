"""Live, playback, download and talk sessions and who watches them."""
