"""Every habit of devices that is put up with, by the name it is counted under: the rule it belongs
to, and what it means to whoever looks after the device. A test holds it against what is counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in the two languages of the page."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Habit:
    """What a counted name stands for; `rule` is one of `RULES`."""

    rule: str
    text: Text


RULES: Final[Mapping[str, Text]] = {
    "T1": Text("字符编码有误仍可读取", "Text in a wrong or mislabelled charset is read"),
    "T2": Text("XML 有误可修复", "Broken XML is repaired, item by item where need be"),
    "T3": Text("SIP 头部写法宽容", "SIP headers are read however they are spelt"),
    "T4": Text("正文长度以实际为准", "The body is as long as it came, not as it says"),
    "T5": Text("按来源地址应答", "Answers go where the request came from"),
    "T6": Text("摘要认证写法宽容", "Digests are judged by what they prove, not by their spelling"),
    "T7": Text("未知命令应答并留存", "What is not known is answered and kept as it came"),
    "T8": Text("按 SN 匹配，主动上报只增不减", "Answers pair by SN; what comes unasked only adds"),
    "T9": Text("数值越界取边界并标记", "Numbers out of range are clamped and flagged"),
    "T10": Text("时间格式宽容", "Times are read in any usual form"),
    "T11": Text("编码有误标记而不拒绝", "Odd identifiers are flagged, not refused"),
    "T12": Text("SDP 写法宽容", "SDP is read with lines missing or out of order"),
    "T13": Text("按 SSRC 或首包锁定媒体源", "Media is followed by SSRC, or by its first packets"),
    "T14": Text("PS 封装不规范仍可解", "Program streams are read without map, with wrong sums"),
    "T15": Text("对方不发 RTCP 仍发接收报告", "Receiver reports are sent though none arrive"),
    "T16": Text("TCP 分帧失步可恢复", "TCP framing that lost its place is found again"),
    "T17": Text("突发消息限速，不封禁全体", "Floods are slowed at their source, never for all"),
    "T18": Text("注册过期后心跳仍视为在线", "Keepalives count though the registration ran out"),
    "T19": Text("重复编码隔离", "A second unit with the same ID is kept apart"),
    "T20": Text("所有容错均计数公布", "Every tolerance is counted and shown"),
}
"""The rules of tolerance; `GET /devices/{device_id}/conformance` lists them all."""


def _habits(rule: str, *habits: tuple[str, str, str]) -> dict[str, Habit]:
    return {name: Habit(rule, Text(zh, en)) for name, zh, en in habits}


HABITS: Final[Mapping[str, Habit]] = {
    **_habits(
        "T1",
        (
            "charset_mislabelled",
            "声明的字符集与内容不符",
            "The declared charset is not the one used",
        ),
        ("undecodable_text", "含无法解码的字节", "Some bytes are no characters"),
        ("byte_order_mark", "正文以字节顺序标记开头", "The body begins with a byte order mark"),
        ("sip_headers_not_utf8", "SIP 头部不是 UTF-8", "SIP headers are not UTF-8"),
    ),
    **_habits(
        "T2",
        ("control_characters", "XML 含控制字符", "Control characters in XML"),
        ("bare_markup", "XML 中 & 或 < 未转义", "An & or < is not escaped in XML"),
        ("unquoted_attribute", "XML 属性缺引号", "An XML attribute has no quotes"),
        ("salvaged", "XML 不完整，已逐项抢救", "XML that does not close; what could be was kept"),
        ("tag_case", "XML 标签大小写不符", "XML tags in another case"),
        ("item_damaged", "条目缺可用编码，已略过", "An item without a usable ID was left out"),
    ),
    **_habits(
        "T3",
        ("sip_lf_line_ends", "行尾只有 LF", "Lines end in LF alone"),
        ("sip_blanks_in_start_line", "起始行空格不规范", "Odd blanks in the start line"),
        ("sip_brackets_in_request_uri", "请求 URI 带尖括号", "The request URI stands in brackets"),
        ("sip_line_without_colon", "头部行缺冒号", "A header line without a colon"),
        ("sip_duplicate_header", "头部重复", "A header that may stand once stands twice"),
        ("sip_mixed_case_method", "方法名大小写混用", "The method is not in upper case"),
        ("sip_missing_contact", "缺 Contact", "No Contact"),
        ("sip_missing_content_type", "缺 Content-Type", "No Content-Type"),
        ("sip_missing_max_forwards", "缺 Max-Forwards", "No Max-Forwards"),
        ("sip_missing_from_tag", "From 缺 tag", "From has no tag"),
        ("sip_no_angle_brackets", "地址缺尖括号", "An address without angle brackets"),
        ("sip_blanks_in_address", "地址含空格", "Blanks inside an address"),
        ("sip_unbalanced_quotes", "引号不成对", "Quotes that do not pair"),
        ("sip_unquoted_display_name", "显示名缺引号", "A display name without quotes"),
        ("sip_duplicate_via", "Via 重复", "Via stands twice"),
        ("sip_branch_without_cookie", "branch 缺 z9hG4bK", "A branch without z9hG4bK"),
    ),
    **_habits(
        "T4",
        (
            "sip_content_length_lies",
            "Content-Length 与正文不符",
            "Content-Length is not the length",
        ),
        ("empty_body", "MESSAGE 没有正文（可能被中间设备去掉）", "A MESSAGE without its body"),
    ),
    **_habits("T5", ("sip_rport_missing", "Via 缺 rport", "Via asks for no rport")),
    **_habits(
        "T6",
        ("digest_algorithm_missing", "认证缺 algorithm", "The digest names no algorithm"),
        ("digest_qop_missing", "认证缺 qop", "The digest leaves out the qop that was offered"),
        ("digest_upper_case_hex", "认证摘要用大写十六进制", "The digest is in capital digits"),
        ("digest_uri_mismatch", "认证 uri 与请求 URI 不符", "The digest is over another URI"),
        (
            "digest_upper_case_method",
            "认证方法名改为大写",
            "The digest is over the method in capitals",
        ),
    ),
    **_habits(
        "T7",
        ("unknown_command", "未知 CmdType", "A CmdType that no edition knows"),
        ("unknown_block", "未知配置项", "A configuration block that no edition knows"),
        ("command_spelling", "CmdType 拼写不同", "A CmdType spelt otherwise"),
        ("response_root", "目录通知以 Response 为根", "A catalogue notification named Response"),
        ("event_word", "目录事件词未知", "A catalogue event that is none"),
        ("status_word", "状态词既非 ON 也非 OFF", "A status that is neither ON nor OFF"),
        ("result_word", "结果词既非 OK 也非 ERROR", "A result that is neither OK nor ERROR"),
        ("word", "取值拼写与标准不符", "A word not spelt as in the standard"),
        ("placeholder", "照抄标准示例的占位值", "A value copied from the standard's samples"),
    ),
    **_habits(
        "T8",
        ("sn", "缺 SN 或 SN 无效", "SN is missing or no number"),
        ("total", "缺 SumNum 或 SumNum 无效", "SumNum is missing or no number"),
        ("unsolicited_catalog", "未经查询主动上报目录", "A catalogue nobody asked for"),
    ),
    **_habits(
        "T9",
        ("number", "数值不可用", "A number that says nothing usable"),
        ("number_range", "数值越界，已取边界", "A number out of range, taken as the nearest"),
        ("sdp_ssrc", "y= 不是 32 位数", "y= is no number of 32 bits"),
    ),
    **_habits("T10", ("time_form", "时间格式非标准", "A time in another form")),
    **_habits(
        "T11",
        ("civil_code", "行政区划代码位数不对", "A civil code of a wrong length"),
        (
            "parent_id",
            "ParentID 不是编码，或指向自身",
            "ParentID is no ID, or names the item itself",
        ),
        ("id_length", "编码位数不对", "An ID of a wrong length"),
        ("id_type", "编码类型位（11-13）无效", "The type digits (11 to 13) are in no range"),
        ("foreign_position", "上报了不属于它的位置", "A position of something that is not its own"),
        (
            "unlisted_alarm_source",
            "报警来源不在目录中",
            "An alarm of an input that its catalogue does not name",
        ),
    ),
    **_habits(
        "T12",
        ("sdp_undecodable_text", "SDP 含无法解码的字节", "Bytes in SDP that are no characters"),
        ("sdp_trailing_nul", "SDP 末尾有 NUL", "SDP ends in NULs"),
        ("sdp_line_ends", "SDP 行尾不是 CRLF", "SDP lines do not end in CRLF"),
        ("sdp_run_together", "SDP 属性连在一行", "Two SDP attributes on one line"),
        ("sdp_no_address", "SDP 缺 c=", "SDP without c="),
        ("sdp_no_ssrc", "SDP 缺 y=", "SDP without y="),
        ("sdp_ssrc_digits", "y= 不是十位", "y= has not ten digits"),
        ("sdp_no_setup", "TCP 缺 a=setup", "TCP without a=setup"),
        ("sdp_several_media", "SDP 有多个 m=", "SDP with more than one m="),
        ("sdp_private_payload", "厂商私有负载名", "A payload name of the maker's own"),
    ),
    **_habits(
        "T13",
        ("media_other_ssrc", "RTP 的 SSRC 与约定不符", "RTP under another SSRC than agreed"),
        ("media_source_moved", "RTP 来源地址变动", "RTP came from another address"),
        ("media_sender_replaced", "RTP 发送方更换", "Another sender took over"),
        ("media_sound_beside", "音频另走 RTP 负载", "Sound beside the program stream"),
    ),
    **_habits(
        "T14",
        ("media_lost_place", "PS 失步后重新对齐", "The program stream lost its place"),
        ("media_private_stream", "含私有流，已丢弃", "A private stream, left out"),
        ("media_cut_pack_header", "PS 包头被截断", "A pack header cut short"),
        ("media_bad_pack_header", "PS 包头有误", "A pack header that is wrong"),
        ("media_map_checksum", "PSM 校验和有误", "The stream map's checksum is wrong"),
        ("media_bad_map", "PSM 有误", "A stream map that cannot be read"),
        ("media_pes_without_length", "PES 长度为 0", "A PES packet without its length"),
        (
            "media_pictures_not_aligned",
            "图像未与 PES 对齐",
            "Pictures do not begin with a PES packet",
        ),
        ("media_picture_without_new_pts", "图像缺新的 PTS", "Pictures without a time of their own"),
        ("media_sound_without_map", "音频未在 PSM 中声明", "Sound that no stream map announced"),
        (
            "media_picture_without_map",
            "视频未在 PSM 中声明",
            "Pictures that no stream map announced",
        ),
        ("media_codec_not_as_mapped", "编码与 PSM 不符", "Another codec than the map says"),
        ("media_bad_adts", "ADTS 头有误", "An ADTS header that is wrong"),
        ("media_picture_too_large", "图像过大，已丢弃", "A picture too large to keep"),
        ("media_elementary_stream_as_ps", "标为 PS 实为裸流", "An elementary stream said to be PS"),
        ("media_short_payload", "RTP 负载过短", "An RTP payload too short to say what it is"),
        ("media_unknown_payload", "RTP 负载类型未知", "An RTP payload of a kind that is not known"),
        (
            "media_fragment_without_beginning",
            "RTP 分片缺开头",
            "Pieces of a picture without its first",
        ),
        ("media_fragment_without_end", "RTP 分片缺结尾", "Pieces of a picture without its last"),
        ("media_transport_error", "TS 包标记出错", "TS packets marked as damaged"),
        ("media_bad_adaptation_field", "TS 自适应字段有误", "A TS adaptation field that is wrong"),
        ("media_bad_pes_header", "PES 包头有误", "A PES header that is wrong"),
        ("media_continuity_broken", "TS 连续计数中断", "TS packets are missing by their counter"),
        ("media_continuity_stands", "TS 连续计数不变", "The counter of TS packets stands still"),
        ("media_packet_sent_twice", "TS 包重复发送", "TS packets sent twice"),
        ("media_stream_without_map", "TS 码流未在 PMT 中声明", "A TS stream that no map announced"),
        (
            "media_small_receive_buffer",
            "本机接收缓冲过小（非设备问题）",
            "Our own receive buffer is smaller than asked for; not the device's doing",
        ),
        (
            "media_receive_buffer_overflowed",
            "本机接收缓冲溢出，丢包发生在本机（非设备问题）",
            "Datagrams our own kernel had no room for: lost here, not by the device",
        ),
        ("media_bad_aggregate", "RTP 聚合包有误", "An RTP packet of several units that do not fit"),
    ),
    **_habits(
        "T15", ("media_no_sender_reports", "不发 RTCP 发送报告", "It sends no RTCP sender reports")
    ),
    **_habits(
        "T16", ("media_connection_out_of_step", "TCP 分帧失步", "TCP framing lost its place")
    ),
    **_habits(
        "T17",
        (
            "told_too_fast",
            "上报过快，已要求稍后重发",
            "It told faster than it may, and was asked to come back",
        ),
        (
            "slow_to_read",
            "正文解析耗时过多，已要求稍后重发",
            "Its bodies took too long to be read, and it was asked to come back",
        ),
    ),
    **_habits(
        "T18",
        ("registration_expired", "注册过期，仅靠心跳在线", "Online by keepalives alone"),
        ("keepalive_rhythm", "心跳周期长于配置", "Keepalives rarer than configured"),
    ),
    **_habits(
        "T19",
        (
            "second_unit",
            "另有一台设备使用同一编码，已拒绝注册",
            "Another unit asked to register under its ID, and was refused",
        ),
    ),
}
"""By the name given to `Inventory.count_tolerance`."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A habit of one device."""

    name: str
    rule: str
    count: int
    text: Text


_UNNAMED: Final = Habit("T20", Text("其他", "Something else"))


def counted(tolerances: Mapping[str, int]) -> list[Counted]:
    """A device's habits in order of rule and name; rows of an earlier version keep their place."""
    found = [
        Counted(name, (habit := HABITS.get(name, _UNNAMED)).rule, count, habit.text)
        for name, count in tolerances.items()
    ]
    return sorted(found, key=lambda each: (int(each.rule[1:]), each.name))
