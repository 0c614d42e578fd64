"""FFmpeg's libraries as PyAV carries them, used like ffmpeg: `python -m tests.matrix.pyav_reader`.

The ffmpeg of Debian 12 reads no H.265 in FLV, which was agreed on after it. Writes gray pictures
to standard output and, given a descriptor, 16 kHz mono sound to that.
"""

import os
import sys

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame

from tests.matrix.viewers import SOUND_HZ


def main() -> None:
    """`url [descriptor]`."""
    url = sys.argv[1]
    sound_fd = int(sys.argv[2]) if len(sys.argv) > 2 else None
    resampler = AudioResampler("s16", "mono", SOUND_HZ)
    with av.open(url, options={"analyzeduration": "500000"}) as container:
        streams = [*container.streams.video[:1]]
        wanted = [*streams, *container.streams.audio[:1]] if sound_fd is not None else streams
        for packet in container.demux(wanted):
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    os.write(sys.stdout.fileno(), frame.to_ndarray(format="gray").tobytes())
                elif isinstance(frame, AudioFrame) and sound_fd is not None:
                    for piece in resampler.resample(frame):
                        os.write(sound_fd, piece.to_ndarray().tobytes())


if __name__ == "__main__":
    main()
