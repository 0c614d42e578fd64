"""A request that its sender takes back before it is answered is not repeated."""

import asyncio

from sip.agent import Agent
from sip.effects import Send
from sip.message import Address, Flow
from tests.sip.endpoints import message, opened, towards
from tests.sip.requests import request
from tests.support.waiting import until

DEVICE = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.9", 5060), 0)


def test_it_is_repeated_until_then_and_not_afterwards() -> None:
    agent = Agent(iter("abc").__next__)
    key, _ = agent.send(request("MESSAGE"), DEVICE, "192.0.2.1:5060", 0.0)

    assert [type(effect) for effect in agent.tick(0.5)] == [Send]
    agent.abandon(key)

    assert agent.tick(40.0) == []
    assert agent.transactions == 0
    assert agent.deadline is None


async def test_whoever_is_cancelled_while_waiting_takes_its_request_back() -> None:
    async with opened(lambda _: None, name="s") as silent, opened(name="c") as client:
        flow = towards(client, silent, "UDP")
        asking = asyncio.create_task(client.request(message(client), flow))
        await until(lambda: client.stats.transactions == 1)

        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

        assert client.stats.transactions == 0
