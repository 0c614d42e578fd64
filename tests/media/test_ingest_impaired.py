"""A camera behind a bad network, on real sockets: pictures come back, and the figures are right."""

import asyncio

import pytest

from media.door import Transport
from tests.media.lines import HOST, SSRC, line, packets
from tests.support.impairment import Impairment, impaired
from tests.support.waiting import until

GROUPS = 40
PICTURES = 25


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.UDP_SHARED])
@pytest.mark.parametrize(
    "network",
    [
        Impairment(loss=0.01, reorder=0.05, depth=5, duplicate=0.02),
        Impairment(loss=0.05, jitter_s=0.005),
        Impairment(loss=0.10),
    ],
    ids=["1 %, disorder and repetition", "5 % and jitter", "10 %"],
)
async def test_the_loss_of_a_bad_network_is_told_and_pictures_come_back(
    transport: Transport, network: Impairment
) -> None:
    sent = packets(GROUPS * PICTURES, group=PICTURES)
    async with (
        line(transport) as it,
        impaired((HOST, it.receiver.port), network, seed=28_181) as between,
    ):
        it.receiver.expect(SSRC, HOST)
        loop = asyncio.get_running_loop()
        camera, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=between.address
        )
        for number, packet in enumerate(sent):
            camera.sendto(packet)
            if number % 20 == 0:
                await asyncio.sleep(0.002)
        await until(lambda: between.there.passed + between.there.lost == len(sent))
        came = between.there.passed + between.there.duplicated
        await until(lambda: it.receiver.figures().packets == came)
        await until(lambda: it.receiver.figures().lost > 0)
        camera.close()

        figures = it.receiver.figures()
        share = figures.lost / (figures.packets - figures.duplicates + figures.lost)
        assert share == pytest.approx(between.there.lost / len(sent), abs=0.005)
        if between.there.duplicated:
            # One that comes again after it was given up is late, not repeated.
            assert figures.duplicates == pytest.approx(between.there.duplicated, rel=0.2)
            assert figures.reordered > 0
        # A key picture is a few packets long, most of them get through; the last ones wait for
        # those before them as long as packets are awaited.
        whole = 0

        def are_back() -> bool:
            nonlocal whole
            whole += sum(unit.is_key and not unit.is_damaged for unit in it.reader.take())
            return whole >= GROUPS * (1 - network.loss) ** 4 * 0.7

        await until(are_back)
