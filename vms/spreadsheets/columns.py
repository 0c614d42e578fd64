"""Which columns the sheet of each kind has: their headings, what stands in them, how wide."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vms.inventory.changes import (
    LONGEST_NAME,
    LONGEST_SECRET,
    MOST_MISSES,
)
from vms.inventory.coordinates import COORDINATE_SYSTEMS
from vms.inventory.overriding import MOST_RETENTION_DAYS, MOST_TAGS
from vms.site import Language


class Kind(StrEnum):
    """What a sheet is about; each of its rows is one of these."""

    DEVICES = "devices"
    CHANNELS = "channels"
    GROUPS = "groups"
    DIVISIONS = "divisions"


class Form(StrEnum):
    """How the cells of a column are read and written."""

    ID = "id"
    """Digits that are no number: twenty of them overflow what Excel keeps."""
    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    WORDS = "words"
    """Several, between commas."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `name` is its name for programs, and a heading as well; `hint_*` is what it takes.

    `is_key`: the row is about whatever these name. One that is not `is_taken` is only told; one
    that is not `is_told` is only taken.
    """

    name: str
    en: str
    zh: str
    hint_en: str = ""
    hint_zh: str = ""
    form: Form = Form.TEXT
    width: int = 16
    is_key: bool = False
    is_taken: bool = True
    is_told: bool = True
    others: tuple[str, ...] = ()
    """Further headings that mean the same."""

    def heading(self, language: Language) -> str:
        """What stands above it."""
        return self.zh if language == "zh" else self.en

    def hint(self, language: Language) -> str:
        """What may stand in it."""
        return self.hint_zh if language == "zh" else self.hint_en


_ID_EN, _ID_ZH = "1 to 20 digits, as text", "1 至 20 位数字，文本格式"
_TEXT_EN = f"a text of at most {LONGEST_NAME} characters"
_TEXT_ZH = f"不超过 {LONGEST_NAME} 个字符的文字"
_SYSTEMS = ", ".join(COORDINATE_SYSTEMS)


def _told(name: str, en: str, zh: str, width: int = 14, *others: str) -> Column:
    return Column(name, en, zh, width=width, is_taken=False, others=others)


def _text(name: str, en: str, zh: str, width: int = 18, *others: str) -> Column:
    return Column(name, en, zh, _TEXT_EN, _TEXT_ZH, width=width, others=others)


_DEVICE_ID = Column(
    "device_id",
    "Device ID",
    "设备编号",
    _ID_EN,
    _ID_ZH,
    form=Form.ID,
    width=23,
    is_key=True,
    others=("设备ID", "设备国标编号", "国标编号"),
)
_ERROR = Column("error", "Error", "错误", width=80, is_taken=False, others=("错误说明",))
"""Of the file of refused rows; whoever sends it again may leave it in."""

_DEVICES = (
    _DEVICE_ID,
    _text("name", "Name", "名称", 24, "设备名称"),
    Column(
        "secret",
        "Secret",
        "密码",
        f"1 to {LONGEST_SECRET} printable characters; never exported",
        f"1 至 {LONGEST_SECRET} 个可见字符；不会被导出",
        is_told=False,
        others=("password", "设备密码", "SIP密码"),
    ),
    Column(
        "sip_username",
        "SIP user name",
        "SIP用户名",
        "what it signs in as; empty: its ID",
        "设备认证用户名；空表示与设备编号相同",
        width=23,
    ),
    Column(
        "media_transport",
        "Media transport",
        "媒体传输方式",
        "udp, udp_shared, tcp_passive or tcp_active; - lets the server choose",
        "udp、udp_shared、tcp_passive 或 tcp_active；- 表示由服务器选择",
        others=("transport", "传输方式"),
    ),
    Column(
        "keepalive_interval_s",
        "Keepalive interval (s)",
        "心跳周期(秒)",
        "1 to 3600 seconds",
        "1 至 3600 秒",
        form=Form.NUMBER,
        others=("keepalive", "心跳周期"),
    ),
    Column(
        "keepalive_misses",
        "Missed keepalives",
        "心跳超时次数",
        f"a whole number, 1 to {MOST_MISSES}",
        f"1 至 {MOST_MISSES} 的整数",
        form=Form.NUMBER,
    ),
    Column(
        "profile",
        "Profile",
        "厂商适配",
        "the name of a profile (GET /profiles); - lets the server choose by maker",
        "厂商适配名称（GET /profiles）；- 表示按厂商自动选择",
    ),
    Column(
        "edition_override",
        "Edition",
        "协议版本",
        "2011, 2014, 2016 or 2022; - is as the device says",
        "2011、2014、2016 或 2022；- 表示以设备自报为准",
    ),
    _told("status", "Status", "状态"),
    _told("manufacturer", "Manufacturer", "厂商"),
    _told("model", "Model", "型号"),
    _told("firmware", "Firmware", "固件版本"),
    _told("remote_address", "Address", "来源地址", 22),
    _told("channel_count", "Channels", "通道数", 10),
    _told("online_channel_count", "Channels online", "在线通道数", 10),
    _told("last_heard_at", "Last heard", "最后通信时间", 27),
)

_CHANNELS = (
    _DEVICE_ID,
    Column(
        "channel_id",
        "Channel ID",
        "通道编号",
        _ID_EN,
        _ID_ZH,
        form=Form.ID,
        width=23,
        is_key=True,
        others=("通道ID", "通道国标编号"),
    ),
    _text("name", "Name", "名称", 24, "通道名称"),
    Column(
        "division",
        "Division",
        "行政区划",
        "a civil code of 2, 4, 6, 8, 9 or 12 digits",
        "2、4、6、8、9 或 12 位行政区划代码",
        form=Form.ID,
        width=12,
        others=("行政区划代码", "civil code"),
    ),
    Column(
        "class",
        "Class",
        "点位类别",
        "1, 2, 3 or 9 (other)",
        "1、2、3 或 9（其他）",
        form=Form.ID,
        width=10,
        others=("point class", "类别", "视频点位类型"),
    ),
    Column(
        "site_type",
        "Site type",
        "位置类型",
        "3, 5 or 7 digits (GB/T 28181, annex O)",
        "3、5 或 7 位数字（GB/T 28181 附录 O）",
        form=Form.ID,
        width=11,
        others=("摄像机位置类型", "采集部位类型"),
    ),
    _text("department", "Department", "所属部门", 18, "owner", "权属单位"),
    _text("management_unit", "Managed by", "管理单位"),
    _text("builder", "Builder", "建设单位"),
    _text("project", "Project", "建设项目", 18, "项目"),
    _text("maintainer", "Maintainer", "维护单位", 18, "运维单位"),
    Column(
        "installed_on",
        "Installed on",
        "安装日期",
        "a day, as 2026-03-01",
        "日期，如 2026-03-01",
        form=Form.DAY,
        width=13,
        others=("安装时间",),
    ),
    Column(
        "retention_days",
        "Retention (days)",
        "存储天数",
        f"a whole number of days, 1 to {MOST_RETENTION_DAYS}",
        f"1 至 {MOST_RETENTION_DAYS} 的整数（天）",
        form=Form.NUMBER,
        width=10,
        others=("录像保存天数",),
    ),
    Column(
        "required_resolution",
        "Required resolution",
        "要求分辨率",
        "as 1920x1080",
        "如 1920x1080",
        width=13,
    ),
    Column(
        "longitude",
        "Longitude",
        "经度",
        "degrees, -180 to 180, together with the latitude",
        "-180 至 180 度，须与纬度同时填写",
        form=Form.NUMBER,
        width=13,
    ),
    Column(
        "latitude",
        "Latitude",
        "纬度",
        "degrees, -90 to 90, together with the longitude",
        "-90 至 90 度，须与经度同时填写",
        form=Form.NUMBER,
        width=13,
    ),
    Column(
        "coordinate_system",
        "Coordinate system",
        "坐标系",
        f"the one that longitude and latitude are told in: {_SYSTEMS}",
        f"经纬度所用坐标系：{_SYSTEMS}",
        width=11,
    ),
    Column(
        "tags",
        "Tags",
        "标签",
        f"at most {MOST_TAGS} words between commas",
        f"最多 {MOST_TAGS} 个，用逗号分隔",
        form=Form.WORDS,
        width=20,
    ),
    Column(
        "own_group_id",
        "Own group",
        "自定义分组",
        "the ID of a group of our own tree (sheet of groups)",
        "自定义分组编号（见分组表）",
        width=20,
        others=("own_group", "分组"),
    ),
    _text("address", "Address", "安装地址", 30, "地址"),
    _text("contact_info", "Contact", "联系方式"),
    Column(
        "grassroots_code",
        "Grassroots code",
        "基层组织编码",
        "6 digits: township and village (GB/T 28181-2022)",
        "6 位数字：乡镇与村居（GB/T 28181-2022）",
        form=Form.ID,
        width=13,
    ),
    _told("reported_name", "Reported name", "上报名称", 24),
    _told("manufacturer", "Manufacturer", "厂商"),
    _told("model", "Model", "型号"),
    _told("status", "Status", "状态"),
    _told("status_since", "Since", "状态起始时间", 27),
)

_GROUPS = (
    Column(
        "group_id",
        "Group ID",
        "分组编号",
        "1 to 36 letters, digits and hyphens",
        "1 至 36 个字母、数字或连字符",
        width=38,
        is_key=True,
        others=("分组ID",),
    ),
    _text("name", "Name", "名称", 30, "分组名称"),
    Column(
        "parent_id",
        "Parent group",
        "上级分组",
        "the ID of a group that is there or stands in this sheet; - is the top",
        "已有或本表中的分组编号；- 表示顶层",
        width=38,
        others=("上级分组编号", "parent"),
    ),
    Column(
        "position",
        "Position",
        "排序",
        "a whole number; smaller ones come first",
        "整数，小的在前",
        form=Form.NUMBER,
        width=10,
        others=("序号",),
    ),
    _told("channel_count", "Channels", "通道数", 10),
    _told("online_channel_count", "Channels online", "在线通道数", 10),
)

_DIVISIONS = (
    Column(
        "code",
        "Code",
        "区划代码",
        "a civil code of 2, 4, 6, 8, 9 or 12 digits",
        "2、4、6、8、9 或 12 位行政区划代码",
        form=Form.ID,
        width=16,
        is_key=True,
        others=("division", "行政区划代码", "代码"),
    ),
    _text("name", "Name", "名称", 30, "区划名称"),
)

COLUMNS: Mapping[Kind, tuple[Column, ...]] = {
    Kind.DEVICES: _DEVICES,
    Kind.CHANNELS: _CHANNELS,
    Kind.GROUPS: _GROUPS,
    Kind.DIVISIONS: _DIVISIONS,
}

ERROR = _ERROR


def folded(heading: str) -> str:
    """Headings that differ in case, blanks, signs or what stands in brackets are the same."""
    bare = re.sub(r"[(（].*?[)）]", "", heading)
    return re.sub(r"[\s_*＊:：./'-]+", "", bare).casefold()


def by_heading(kind: Kind) -> Mapping[str, Column]:
    """Every heading of a kind, folded."""
    return {
        folded(heading): column
        for column in (*COLUMNS[kind], ERROR)
        for heading in (column.name, column.en, column.zh, *column.others)
    }
