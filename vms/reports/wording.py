"""The words of circulars, in Chinese and in English, and how figures are written in them."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from vms.figures.model import Verdict
from vms.reports.model import Circular
from vms.site import Language

DASH = "\N{EN DASH}"
"""Stands where there is nothing to say."""


_WORDS: dict[str, tuple[str, str]] = {
    "title": ("视频监控在线率通报", "Circular on the online rate of cameras"),
    "period": ("统计时段", "Period"),
    "issuer": ("发布单位", "Issued by"),
    "summary": ("总体情况", "Summary"),
    "ranking": ("排名", "Ranking"),
    "daily": ("逐日", "Daily"),
    "under": ("未达标单位", "Under the line"),
    "outages": ("故障", "Outages"),
    "exclusions": ("剔除", "Exclusions"),
    "worst": ("离线最久的点位", "Worst cameras"),
    "cameras": ("点位明细", "Cameras"),
    "notes": ("统计口径", "How this was counted"),
    "rank": ("名次", "Rank"),
    "division": ("行政区划", "Division"),
    "name": ("名称", "Name"),
    "code": ("代码", "Code"),
    "department": ("所属部门", "Department"),
    "device_id": ("设备编码", "Device ID"),
    "channel_id": ("通道编码", "Channel ID"),
    "channels": ("点位数", "Cameras"),
    "online_rate": ("在线率", "Online rate"),
    "previous_rate": ("上期在线率", "Rate before"),
    "change": ("升降（百分点）", "Change (points)"),
    "coverage": ("可观测率", "Coverage"),
    "verdict": ("结论", "Verdict"),
    "target": ("目标", "Target"),
    "online_h": ("在线（小时）", "Online (h)"),
    "proven_h": ("其中画面证实（小时）", "Proven by pictures (h)"),
    "offline_h": ("离线（小时）", "Offline (h)"),
    "unknown_h": ("无法观测（小时）", "Not observed (h)"),
    "excluded_h": ("剔除（小时）", "Excluded (h)"),
    "not_commissioned_h": ("未启用（小时）", "Not commissioned (h)"),
    "outage_count": ("离线次数", "Outages"),
    "mttr_h": ("平均恢复（小时）", "MTTR (h)"),
    "mtbf_h": ("平均无故障（小时）", "MTBF (h)"),
    "longest_h": ("最长离线（小时）", "Longest (h)"),
    "periods_under": ("连续未达标期数", "Periods in a row"),
    "date": ("日期", "Date"),
    "from": ("开始", "From"),
    "to": ("结束", "To"),
    "lasts": ("仍在持续", "still lasts"),
    "cause": ("原因", "Cause"),
    "scope": ("范围", "Where"),
    "devices": ("设备数", "Devices"),
    "order_number": ("批准文号", "Order"),
    "reason": ("事由", "Reason"),
    "requested_by": ("申请人", "Asked for by"),
    "approved_by": ("批准人", "Approved by"),
    "nothing": ("无", "None"),
    "self_check": ("账目自检", "Self-check of the ledger"),
    "self_check_ok": (
        "通过：{channels} 个点位的每一秒都恰好计入一次",
        "passed: every second of {channels} cameras is counted once",
    ),
    "self_check_failed": (
        "未通过：{breaches} 处不吻合，本通报数据不可用",
        "failed in {breaches} places: do not rely on these figures",
    ),
    "own_absence": ("平台自身中断（小时）", "This server was away (h)"),
    "inputs": ("数据指纹（SHA-256）", "Hash of the inputs (SHA-256)"),
    "page": ("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    "met": ("达标", "met"),
    "missed": ("未达标", "missed"),
    "insufficient_evidence": ("证据不足", "insufficient evidence"),
    "power_cut": ("停电", "power cut"),
    "construction": ("施工", "construction"),
    "move": ("迁移", "move"),
    "planned_sleep": ("计划休眠", "planned sleep"),
    "maintenance": ("检修", "maintenance"),
    "truncated": ("以下表格已按上限截断：", "These tables were cut at their limit: "),
}

_NOTES: tuple[tuple[str, str], ...] = (
    (
        "在线率＝在线秒数÷（在线秒数＋离线秒数）。在线包括画面证实在线和信令在线。",
        (
            "Online rate = online seconds / (online + offline seconds). Online is proven by a "
            "picture or by signalling."
        ),
    ),
    (
        "可观测率＝1－无法观测秒数÷应计秒数；低于 {coverage} 时结论为“证据不足”。",
        (
            "Coverage = 1 - seconds nobody observed / seconds that count; below {coverage} the "
            "verdict is insufficient evidence."
        ),
    ),
    (
        "平台自身中断期间记为“无法观测”，不记为离线。",
        "While this server was away, seconds are unobserved, never offline.",
    ),
    (
        "只有经批准的剔除才生效，并在此单独列出；从未注册过的点位记为“未启用”。",
        (
            "Only approved exclusions count, and they are listed here; cameras that never "
            "registered are not commissioned."
        ),
    ),
    (
        "点位调整区划的，按其在各区划的时间分别计入；各行之和等于合计。",
        (
            "A camera that moved counts in each division for the time it was there; rows add up to "
            "the total."
        ),
    ),
    (
        "时段为左闭右开，按 {zone} 时区切分；所有数字可在平台上逐级查到点位和时间段。",
        (
            "Periods include their first second and not their last, by the clock of {zone}; every "
            "figure leads down to cameras and intervals in the server."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Wording:
    """One language, and the clock of one site."""

    language: Language
    zone: ZoneInfo

    def __call__(self, key: str, **facts: object) -> str:
        zh, en = _WORDS[key]
        return (zh if self.language == "zh" else en).format(**facts)

    def notes(self, circular: Circular) -> list[str]:
        """How the figures came about, a sentence each."""
        share = circular.targets.coverage * 100
        facts = {"coverage": f"{share:g}%", "zone": circular.time_zone}
        index = 0 if self.language == "zh" else 1
        return [pair[index].format(**facts) for pair in _NOTES]

    def verdict(self, verdict: Verdict) -> str:
        """In a word."""
        return self(verdict.value)

    def reason(self, reason: str) -> str:
        """Of an exclusion; a word we do not know stays as it is."""
        return self(reason) if reason in _WORDS else reason

    def moment(self, at_s: int) -> str:
        """To the minute, on the site's clock."""
        return f"{datetime.fromtimestamp(at_s, self.zone):%Y-%m-%d %H:%M}"

    def day(self, at_s: int) -> str:
        """A date on the site's calendar."""
        return f"{datetime.fromtimestamp(at_s, self.zone):%Y-%m-%d}"

    def period(self, circular: Circular) -> str:
        """Both ends, to the minute."""
        return f"{self.moment(circular.start_s)} {DASH} {self.moment(circular.end_s)}"

    def self_check(self, circular: Circular) -> str:
        """What came of it."""
        proof = circular.proof
        if proof.self_check_ok:
            return self("self_check_ok", channels=proof.checked_channels)
        return self("self_check_failed", breaches=proof.breaches)


def percent(rate: float | None) -> str:
    """Two decimals, cut and not rounded: 89.999 % is not 90 %."""
    return DASH if rate is None else f"{int(rate * 10_000 + 1e-9) / 100:.2f}%"


def points(change: float | None) -> str:
    """Percentage points with their sign."""
    return DASH if change is None else f"{change * 100:+.2f}"


def hours(seconds: float | None) -> str:
    """One decimal."""
    return DASH if seconds is None else f"{seconds / 3600:,.1f}"
