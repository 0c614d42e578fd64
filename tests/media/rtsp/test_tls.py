"""RTSP by TLS: `rtsps`, as FFmpeg takes it."""

import asyncio
import json
import ssl
from pathlib import Path

from media.unit import Codec
from tests.media.rtsp.site import open_site
from tests.support.units import publish_in_real_time, video_units
from tests.support.waiting import until
from vms.certificates import self_signed


async def test_ffprobe_reads_a_stream_by_rtsps(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with open_site(tls=tls) as site:
        units = video_units(Codec.H264, 100)
        site.show(units[:2])
        playing = asyncio.create_task(publish_in_real_time(site.hub, units[2:], site.clock))
        probe = await asyncio.create_subprocess_exec(
            *("ffprobe", "-loglevel", "error", "-rtsp_transport", "tcp"),
            *("-tls_verify", "1", "-ca_file", str(certificate)),
            *("-show_entries", "stream=codec_name,width,height", "-of", "json", site.url()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        seen, said = await asyncio.wait_for(probe.communicate(), 20)
        playing.cancel()
        await until(lambda: site.output.viewer_count == 0)

    assert said == b""
    assert json.loads(seen)["streams"] == [{"codec_name": "h264", "width": 480, "height": 272}]
    assert site.left == ["left"]
