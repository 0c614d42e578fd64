"""What the codes of a catalogue item mean, in Chinese and English (annex A.2.1.9, annex O).

The codes are what a device says of itself and its surroundings, no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_MAX_CODES = 32


@dataclass(frozen=True, slots=True)
class Label:
    """A code in words."""

    chinese: str
    english: str


@dataclass(frozen=True, slots=True)
class Coded:
    """A code as it was sent, and its meaning where the standard gives one."""

    code: str
    label: Label | None


@dataclass(frozen=True, slots=True)
class CapturePosition:
    """A CapturePositionType taken apart: three digits of area, two finer, two finer still."""

    major: Coded
    middle: str
    minor: str


def _table(text: str) -> Mapping[str, Label]:
    """A line for each code: the code, the Chinese, a stroke, the English."""
    labels: dict[str, Label] = {}
    for line in text.strip().splitlines():
        code, _, words = line.strip().partition(" ")
        chinese, _, english = words.partition(" | ")
        labels[code] = Label(chinese, english)
    return labels


_IMAGING = _table("""
    1 可见光成像 | visible light
    2 热成像 | thermal
    3 雷达成像 | radar
    4 X光成像 | X-ray
    5 深度光场成像 | depth light field
    9 其他 | other
""")

CODES: Mapping[str, Mapping[str, Label]] = {
    "PTZType": _table("""
        1 球机 | dome
        2 半球 | half dome
        3 固定枪机 | fixed bullet
        4 遥控枪机 | remotely controlled bullet
        5 遥控半球 | remotely controlled half dome
        6 多目设备的全景或拼接通道 | panorama or stitched channel of a multi-lens device
        7 多目设备的分割通道 | split channel of a multi-lens device
    """),
    "PositionType": _table("""
        1 省际检查站 | checkpoint between provinces
        2 党政机关 | party or government office
        3 车站码头 | station or pier
        4 中心广场 | central square
        5 体育场馆 | sports venue
        6 商业中心 | commercial centre
        7 宗教场所 | religious place
        8 校园周边 | surroundings of a campus
        9 治安复杂区域 | area of complex security
        10 交通干线 | traffic artery
    """),
    "PhotoelectricImagingType": _IMAGING,
    "RoomType": _table("""
        1 室外 | outdoors
        2 室内 | indoors
    """),
    "UseType": _table("""
        1 治安 | public security
        2 交通 | traffic
        3 重点 | key place
    """),
    "SupplyLightType": _table("""
        1 无补光 | none
        2 红外补光 | infrared
        3 白光补光 | white light
        4 激光补光 | laser
        9 其他 | other
    """),
    "DirectionType": _table("""
        1 东(西向东) | east (looking from west to east)
        2 西(东向西) | west
        3 南(北向南) | south
        4 北(南向北) | north
        5 东南(西北到东南) | south-east
        6 东北(西南到东北) | north-east
        7 西南(东北到西南) | south-west
        8 西北(东南到西北) | north-west
    """),
    "MobileDeviceType": _table("""
        1 移动机器人载摄像机 | robot
        2 执法记录仪 | law-enforcement recorder
        3 移动单兵设备 | single-soldier device
        4 车载视频记录设备 | vehicle
        5 无人机载摄像机 | drone
        9 其他 | other
    """),
    "PointType": _table("""
        1 一类视频监控点 | class 1 point
        2 二类视频监控点 | class 2 point
        3 三类视频监控点 | class 3 point
        9 其他点位 | other point
    """),
    "FunctionType": _table("""
        01 人脸卡口 | face checkpoint, as claimed
        02 人员卡口 | person checkpoint, as claimed
        03 机动车卡口 | motor vehicle checkpoint
        04 非机动车卡口 | non-motor vehicle checkpoint
        05 物品卡口 | object checkpoint
        99 其他 | other
    """),
    "SecurityLevelCode": _table("""
        A A级 | level A of GB 35114
        B B级 | level B of GB 35114
        C C级 | level C of GB 35114
    """),
    "RegisterWay": _table("""
        1 口令摘要认证 | digest of RFC 3261
        2 基于口令的双向认证 | mutual, by password
        3 基于数字证书的双向认证 | mutual, by certificate
        4 基于数字证书的单向认证 | one-way, by certificate
    """),
}
"""By element name, then by code. Elements of several codes part them by strokes: `1/2`."""

CAPTURE_AREAS: Mapping[str, Label] = _table("""
    001 广场 | public squares
    002 道路、路口、地下通道 | roads, crossings, underpasses
    003 公路、检查站、收费站 | highways, checkpoints, tolls
    004 大型桥梁、隧道 | large bridges, tunnels
    005 商业、金融区域周边 | surroundings of commercial and financial areas
    006 机场、车站、港口外广场 | squares outside airports, stations, ports
    007 地铁站周边 | surroundings of metro stations
    008 水域 | waters
    009 边境线 | border line
    010 铁路沿线 | railway lines
    011 党政机关 | party and government
    012 交通设施 | transport facilities
    013 银行 | banks
    014 寄递、物流、仓储 | parcels, logistics, storage
    015 电力、电信、广电、油气、供水 | power, telecommunications, broadcasting, oil, gas, water
    016 商场、会展、市场 | malls, exhibition centres, markets
    017 学校 | schools
    018 医院、社会福利机构 | hospitals, social services
    019 娱乐场所、网吧、报业 | entertainment, internet cafés, press
    020 旅馆、浴场 | hotels, baths
    021 展览、文化、体育场馆 | exhibition, culture and sports venues
    022 旅游景点 | tourist sites
    023 其他治安重点单位 | other key security units
    024 社区治安 | community security
    025 林业、草原 | forestry, grassland
    026 居民小区 | housing estates
    027 公共停车场 | public car parks
    028 危险物品 | dangerous goods
    031 生态 | ecology
    032 文物、博物馆 | cultural relics, museums
    998 其他重点公共区域 | other key public areas
    999 其他重点行业 | other key industries
""")


def read_codes(element: str, text: str) -> tuple[Coded, ...]:
    """The codes in an element's text with their meanings; leading zeros do not count.

    An element without a table has codes without meanings.
    """
    table = CODES.get(element, {})
    parts = [part.strip() for part in text.split("/", _MAX_CODES)][:_MAX_CODES]
    return tuple(Coded(part, _meaning(table, part)) for part in parts if part)


def _meaning(table: Mapping[str, Label], code: str) -> Label | None:
    bare = code.lstrip("0").upper()
    return table.get(bare) or table.get(bare.zfill(2))


def read_capture_position(text: str) -> CapturePosition | None:
    """The parts of a CapturePositionType; None where it is not of seven digits."""
    text = text.strip()
    if len(text) != 7 or not (text.isascii() and text.isdigit()):
        return None
    major = text[:3]
    return CapturePosition(Coded(major, CAPTURE_AREAS.get(major)), text[3:5], text[5:])
