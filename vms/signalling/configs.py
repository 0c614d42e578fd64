"""Reading and writing how a device is configured (GB/T 28181-2022, 9.5.3 and annex A.2.3.2)."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TypeAlias

from vms.errors import InvalidError, NoAnswerError, VmsError
from vms.gb28181.manscdp.messages import (
    AudioParamConfig,
    BasicParam,
    ConfigBlock,
    ConfigControl,
    ConfigDownloadQuery,
    ConfigDownloadResponse,
    MaskRegion,
    PictureMask,
    PixelBox,
    Result,
    SnapShotConfig,
    SvacDecodeConfig,
    SvacEncodeConfig,
    VideoParamAttribute,
    VideoParamConfig,
)
from vms.gb28181.manscdp.registry import CONFIG_TYPES, ConfigType
from vms.signalling.commanding import Addressee, Commanding, Outcome
from vms.signalling.messenger import ANSWER_LIMIT_S, MESSAGE_LIMIT_S, Messenger, part
from vms.signalling.pending import Delivered

SILENCE_LIMIT_S = 2.0
"""After an answer without a block: it may still come, in a MESSAGE of its own."""

SETTLING_S = 1.0
"""Between writing and reading back."""

BLOCKS_AT_ONCE = 8

MASK_SLOTS = 4
"""Regions a `PictureMask` has; some cameras change only the slots that are named."""

CLEARED = PixelBox(0, 0, 0, 0)
"""A slot that hides nothing."""

NEVER_READ_BACK = frozenset({SnapShotConfig})
"""An order rather than a state."""

SECRETS = frozenset({"password"})
"""Never kept from what is read."""

TYPES: Mapping[str, ConfigType] = {each.name: each for each in CONFIG_TYPES}
"""By the word on the wire."""

_Streams: TypeAlias = VideoParamAttribute | VideoParamConfig | AudioParamConfig
_OF_STREAMS = (VideoParamAttribute, VideoParamConfig, AudioParamConfig)

_TYPE_OF: Mapping[type, ConfigType] = {each.cls: each for each in CONFIG_TYPES}


@dataclass(frozen=True, slots=True)
class ConfigReading:
    """One block as the device has it; None where it has none, and `sentence` says how we know."""

    config_type: str
    block: ConfigBlock | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ConfigWriting:
    """What became of writing blocks.

    `is_accepted`: the device answered OK. `confirmed` and `differing` are the names of values
    (`BasicParam.name`) that reading back showed as written, and those it showed otherwise; neither
    has what could not be read.
    """

    is_accepted: bool
    confirmed: tuple[str, ...]
    differing: tuple[str, ...]
    sentence: str


class Configs:
    """Reads one type a query: some devices answer only what is asked alone."""

    def __init__(self, commanding: Commanding, messenger: Messenger) -> None:
        self._commanding = commanding
        self._messenger = messenger

    def types(self, device_id: str) -> list[str]:
        """The types that the device's edition has."""
        edition = self._commanding.addressee(device_id).edition
        return [name for name, each in TYPES.items() if edition in each.editions]

    async def read(
        self,
        device_id: str,
        config_type: str,
        channel_id: str | None = None,
        *,
        force: bool = False,
    ) -> ConfigReading:
        """ConfigDownload of one type.

        An answer under another element name counts: nothing else was asked. Raises
        `UnsupportedError`, and `NoAnswerError` where the device is silent.
        """
        kind = _known(config_type)
        to = self._to(device_id, channel_id, kind)
        self.require(to, kind, force=force)
        return await self._read(to, kind, force=force)

    async def write(
        self,
        device_id: str,
        blocks: Sequence[ConfigBlock],
        channel_id: str | None = None,
        *,
        force: bool = False,
    ) -> ConfigWriting:
        """DeviceConfig with one or several blocks, then what can be read back is.

        Raises `UnsupportedError`, `InvalidError` for blocks that are only read, and
        `RejectedError` where the device answers ERROR.
        """
        if not 1 <= len(blocks) <= BLOCKS_AT_ONCE:
            raise InvalidError(f"1 to {BLOCKS_AT_ONCE} blocks at once", field="blocks")
        kinds = [_TYPE_OF[type(block)] for block in blocks]
        targets = {self._to(device_id, channel_id, kind).target for kind in kinds}
        if len(targets) > 1:
            raise InvalidError("BasicParam is the device's, the rest a channel's", field="blocks")
        to = self._to(device_id, channel_id, kinds[0])
        for kind in kinds:
            self.require(to, kind, force=force)
            if kind.control_form is None:
                raise InvalidError(f"{kind.name} can only be read", field="blocks")
        outcome = await self.send(to, [_whole(block) for block in blocks], force=force)
        return await self._read_back(to, blocks, outcome)

    def target(self, device_id: str, channel_id: str | None) -> Addressee:
        """Whom a configuration of a channel names."""
        return self._commanding.addressee(device_id, channel_id)

    async def send(self, to: Addressee, blocks: Sequence[ConfigBlock], *, force: bool) -> Outcome:
        """DeviceConfig, and its Response."""
        return await self._commanding.control(
            to, lambda sn: ConfigControl(sn, to.target, tuple(blocks)), force=force
        )

    def _to(self, device_id: str, channel_id: str | None, kind: ConfigType) -> Addressee:
        """BasicParam is always the device's: some answer only then."""
        to = self._commanding.addressee(device_id, channel_id)
        if kind.cls is BasicParam or to.profile.config_at_device:
            return self._commanding.addressee(device_id)
        return to

    def require(self, to: Addressee, kind: ConfigType, *, force: bool) -> None:
        """Refuse a block that the device's edition does not have, unless a person insists."""
        self._commanding.require(to, kind.name, frozenset(kind.editions), force=force)

    # Reading

    async def _read(self, to: Addressee, kind: ConfigType, *, force: bool) -> ConfigReading:
        def question(sn: int) -> ConfigDownloadQuery:
            return ConfigDownloadQuery(sn, to.target, (kind.name,))

        self._commanding.require_message(to, question(0), force=force)
        loop = asyncio.get_running_loop()
        answer: ConfigDownloadResponse | None = None
        deadline = loop.time() + MESSAGE_LIMIT_S + ANSWER_LIMIT_S
        async with self._messenger.asking(
            to.device_id, "ConfigDownload", question, to.target
        ) as expectation:
            while True:
                news = await part(expectation, deadline - loop.time())
                if news is None:
                    break
                if isinstance(news, Delivered) and answer is None:
                    deadline = loop.time() + ANSWER_LIMIT_S
                if isinstance(news, ConfigDownloadResponse):
                    answer = news
                    if news.blocks or news.unread or news.result is Result.ERROR:
                        break
                    deadline = loop.time() + SILENCE_LIMIT_S
        if answer is None:
            raise NoAnswerError(
                f"no answer from {to.device_id} to the question for {kind.name} in "
                f"{ANSWER_LIMIT_S:.0f} s",
                device_id=to.device_id,
            )
        return _reading(to, kind, answer)

    # Writing

    async def _read_back(
        self, to: Addressee, blocks: Sequence[ConfigBlock], outcome: Outcome
    ) -> ConfigWriting:
        confirmed: list[str] = []
        differing: list[str] = []
        unread: list[str] = []
        await asyncio.sleep(SETTLING_S)
        for block in blocks:
            kind = _TYPE_OF[type(block)]
            if kind.cls in NEVER_READ_BACK:
                continue
            try:
                reading = await self._read(to, kind, force=True)
            except VmsError as error:
                unread.append(f"{kind.name} could not be read back: {error}")
                continue
            if type(reading.block) is not type(block) or reading.block is None:
                unread.append(reading.sentence)
                continue
            for name, is_there in _compared(block, reading.block):
                (confirmed if is_there else differing).append(f"{kind.name}.{name}")
        told = [outcome.sentence]
        if confirmed:
            told.append(f"read back as written: {', '.join(confirmed)}")
        if differing:
            told.append(f"the device has something else for: {', '.join(differing)}")
        return ConfigWriting(
            outcome.is_confirmed,
            tuple(confirmed),
            tuple(differing),
            "; ".join([*told, *unread]),
        )


def _known(config_type: str) -> ConfigType:
    kind = TYPES.get(config_type)
    if kind is None:
        raise InvalidError(f"there is no ConfigType {config_type[:40]!r}", field="config_type")
    return kind


def _reading(to: Addressee, kind: ConfigType, answer: ConfigDownloadResponse) -> ConfigReading:
    """The block that was asked for, whatever the answer calls it."""
    for block in answer.blocks:
        if type(block) is kind.cls:
            return ConfigReading(kind.name, block, f"{to.device_id} told its {kind.name}")
    if answer.blocks:
        block = answer.blocks[0]
        named = _TYPE_OF[type(block)].name
        return ConfigReading(kind.name, block, f"{to.device_id} answered with {named}")
    if answer.unread:
        names = ", ".join(answer.unread)
        told = f"{to.device_id} answered with what nobody here can read: {names}"
        return ConfigReading(kind.name, None, told)
    told = f"{to.device_id} answered {answer.result} without a block: it has no {kind.name}"
    return ConfigReading(kind.name, None, told)


def _whole(block: ConfigBlock) -> ConfigBlock:
    """As it is to be written: every slot of a mask, for those devices that change only what is
    named, and keep the rest."""
    if not isinstance(block, PictureMask):
        return block
    given = {region.seq: region for region in block.regions}
    if not set(given) <= set(range(1, MASK_SLOTS + 1)):
        raise InvalidError(f"a mask has the slots 1 to {MASK_SLOTS}", field="regions")
    slots = range(1, MASK_SLOTS + 1)
    return replace(
        block, regions=tuple(given.get(slot, MaskRegion(slot, CLEARED)) for slot in slots)
    )


def _compared(written: ConfigBlock, read: ConfigBlock) -> Iterator[tuple[str, bool]]:
    """By name, whether a value that was written is there."""
    if isinstance(written, SvacEncodeConfig | SvacDecodeConfig):
        yield "xml", _squeezed(written.xml) == _squeezed(getattr(read, "xml", ""))
        return
    for each in fields(written):
        value: object = getattr(written, each.name)
        if value in {None, ""} or each.name in SECRETS:
            continue
        there: object = getattr(read, each.name)
        if each.name == "regions" and isinstance(written, PictureMask):
            there, value = _shown(read), _shown(written)
        if isinstance(written, _OF_STREAMS):
            yield each.name, isinstance(read, _OF_STREAMS) and _are_among(written, read)
            continue
        yield each.name, there == value


def _are_among(written: _Streams, read: _Streams) -> bool:
    """Whether what was written of each stream is there: devices tell all of all their streams."""
    told = [asdict(stream) for stream in read.streams]
    wanted = [
        {name: value for name, value in asdict(stream).items() if value != ""}
        for stream in written.streams
    ]
    return all(any(one.items() <= other.items() for other in told) for one in wanted)


def _shown(block: ConfigBlock) -> set[MaskRegion]:
    """The slots of a mask that hide something."""
    regions = block.regions if isinstance(block, PictureMask) else ()
    return {region for region in regions if region.box != CLEARED}


def _squeezed(xml: str) -> str:
    return "".join(xml.split())
