"""What people are told of an outage: what happened and what to do next, in English and Chinese.

Keys are a cause, or a cause and a variant behind a dot: why a REGISTER was refused, the kind of the
outage, `many` devices. Braces hold facts of its evidence.
"""

from collections.abc import Mapping
from typing import NamedTuple


class OutageText(NamedTuple):
    """A finding and the next step, in English and in Chinese."""

    en: str
    zh: str
    next_en: str
    next_zh: str


_KEY_EN = (
    "Compare the password on the device with the one that this platform shows for it; after a "
    "change on one side it has to be changed on the other."
)
_KEY_ZH = "核对设备上的密码与本平台显示的该设备密码；任一侧修改后，另一侧须同步修改。"
_POWER_EN = "Check its power, its network cable and the switch port it hangs on."
_POWER_ZH = "检查设备供电、网线及所接交换机端口。"

TEXTS: Mapping[str, OutageText] = {
    "registration_refused": OutageText(
        "The registration of {device_id} is refused with {sip_status} ({refused_because}), last at "
        "{refused_at} from {refused_source}, {attempts} attempts.",
        "{device_id} 的注册被拒绝（{sip_status}，{refused_because}），"
        "最近一次为 {refused_at}，来自 {refused_source}，共 {attempts} 次。",
        "See the diagnosis of the device for what it has to be set to.",
        "请查看该设备的诊断，按提示修改设备设置。",
    ),
    "registration_refused.wrong_password": OutageText(
        "{devices} device(s) are refused with {sip_status}: the password is wrong, last at "
        "{refused_at} from {refused_source}, {attempts} attempts.",
        "{devices} 台设备的注册被拒绝（{sip_status}）：密码错误，"
        "最近一次为 {refused_at}，来自 {refused_source}，共 {attempts} 次。",
        _KEY_EN,
        _KEY_ZH,
    ),
    "registration_refused.challenge_unanswered": OutageText(
        "{devices} device(s) ask to register and never answer our {sip_status} with credentials, "
        "last at {refused_at} from {refused_source}.",
        "{devices} 台设备请求注册，但从未用认证信息应答 {sip_status}，"
        "最近一次为 {refused_at}，来自 {refused_source}。",
        "Set the password on the device; if one is set, our answers do not reach it: check NAT and "
        "firewall, or use TCP.",
        "在设备上填写密码；若已填写，说明应答到不了设备：检查 NAT 和防火墙，或改用 TCP。",
    ),
    "registration_refused.expiry": OutageText(
        "{devices} device(s) ask to be registered for less than a minute and get {sip_status}.",
        "{devices} 台设备请求的注册有效期不足一分钟，被以 {sip_status} 拒绝。",
        "Set the registration validity on the device to 3600 s.",
        "在设备上把注册有效期设为 3600 秒。",
    ),
    "registration_expired": OutageText(
        "The registration of {device_id} ended at {expired_at}; it was not renewed and no "
        "keepalive was ever sent.",
        "{device_id} 的注册已于 {expired_at} 到期，未续期，也从未发送心跳。",
        "Restart the device; set its registration validity to 3600 s and its keepalive period to "
        "60 s.",
        "重启设备；把注册有效期设为 3600 秒，心跳周期设为 60 秒。",
    ),
    "redirected": OutageText(
        "{devices} device(s) were sent on to another server by `sip.redirects`.",
        "{devices} 台设备已按 `sip.redirects` 被重定向到其他服务器。",
        "Nothing has to be done if that is wanted; otherwise remove the entry.",
        "若属预期则无需处理；否则请删除该配置项。",
    ),
    "server_overloaded": OutageText(
        "{devices} device(s) cannot register because this server answers {sip_status}: it or its "
        "database is behind.",
        "{devices} 台设备无法注册：本服务器应答 {sip_status}，服务器或其数据库处理不及。",
        "See `/readyz`, the disk and the database; devices come back by themselves.",
        "检查 `/readyz`、磁盘和数据库；恢复后设备会自行重新注册。",
    ),
    "unregistered": OutageText(
        "{device_id} signed off by itself at {first_lost_at}.",
        "{device_id} 于 {first_lost_at} 主动注销。",
        "Switch the device, or GB28181 on it, on again if that was not wanted.",
        "若非有意，请重新开机或在设备上重新启用 GB28181。",
    ),
    "unregistered.many": OutageText(
        "{devices} devices signed off by themselves between {first_lost_at} and {last_lost_at}.",
        "{devices} 台设备在 {first_lost_at} 至 {last_lost_at} 之间主动注销。",
        "Somebody switched them off or changed their platform settings: ask who looks after them.",
        "可能被人为关闭或修改了平台接入设置：请询问维护单位。",
    ),
    "keepalives_stopped": OutageText(
        "{device_id} fell silent: last heard at {last_heard_at} from {address}, keepalives were "
        "due every {interval_s} s.",
        "{device_id} 静默：最后一次收到消息为 {last_heard_at}，来自 {address}，"
        "心跳周期应为 {interval_s} 秒。",
        _POWER_EN,
        _POWER_ZH,
    ),
    "connection_lost": OutageText(
        "The TCP connection of {device_id} from {address} was closed and not opened again; last "
        "heard at {last_heard_at}.",
        "{device_id}（{address}）的 TCP 连接已断开且未重新建立；"
        "最后一次收到消息为 {last_heard_at}。",
        "Check whether the device restarted or hangs, and firewalls or NAT that cut idle "
        "connections; shorten its keepalive period.",
        "检查设备是否重启或死机，以及是否有防火墙或 NAT 切断空闲连接；可缩短心跳周期。",
    ),
    "recorder_lost": OutageText(
        "The recorder {device_id} at {address} is gone with all its {channels} channels; last "
        "heard at {last_heard_at}.",
        "录像机 {device_id}（{address}）及其全部 {channels} 路通道一起离线；"
        "最后一次收到消息为 {last_heard_at}。",
        "Check power and network of the recorder; the cameras behind it need no visit.",
        "检查录像机的供电和网络；其后的摄像机无需上门。",
    ),
    "recorder_lost.off": OutageText(
        "The platform {device_id} reports all {parent_channels} channels of recorder {parent_id} "
        "as off since {first_lost_at}.",
        "平台 {device_id} 报告录像机 {parent_id} 的全部 {parent_channels} 路通道自 "
        "{first_lost_at} 起离线。",
        "Check power and network of that recorder.",
        "检查该录像机的供电和网络。",
    ),
    "platform_lost": OutageText(
        "The lower platform {device_id} at {address} is gone with its {channels} channels; last "
        "heard at {last_heard_at}.",
        "下级平台 {device_id}（{address}）及其 {channels} 路通道离线；"
        "最后一次收到消息为 {last_heard_at}。",
        "Check the line to the lower platform and whether it runs; call those who operate it.",
        "检查到下级平台的线路及其运行状态；联系其运维单位。",
    ),
    "segment_silent": OutageText(
        "The segment {segment} fell silent: {devices} devices with {channels} channels between "
        "{first_lost_at} and {last_lost_at}; last heard at {last_heard_at}, {alive} others there "
        "are heard.",
        "网段 {segment} 静默：{devices} 台设备、{channels} 路通道在 {first_lost_at} 至 "
        "{last_lost_at} 之间离线；最后一次收到消息为 {last_heard_at}，该网段仍有 {alive} 台在线。",
        "Check the switch, the router and the uplink of that segment, and its power.",
        "检查该网段的交换机、路由器、上联线路和供电。",
    ),
    "division_silent": OutageText(
        "The division {division} fell silent over several segments: {devices} devices with "
        "{channels} channels between {first_lost_at} and {last_lost_at}; last heard at "
        "{last_heard_at}.",
        "区划 {division} 跨多个网段静默：{devices} 台设备、{channels} 路通道在 {first_lost_at} 至 "
        "{last_lost_at} 之间离线；最后一次收到消息为 {last_heard_at}。",
        "Check the line to that division and its power supply; ask the network's carrier.",
        "检查到该区划的专线和供电；联系线路运营商。",
    ),
    "flapping": OutageText(
        "{device_id} comes and goes: {falls} times since {first_lost_at}.",
        "{device_id} 反复上下线：自 {first_lost_at} 起已 {falls} 次。",
        "Check its link for loss, its power supply, and that no second platform or unit uses the "
        "same ID.",
        "检查链路丢包和供电，并确认没有其他平台或设备使用同一编码。",
    ),
    "flapping.many": OutageText(
        "{devices} devices come and go together, {falls} times in all, one of them {most_falls} "
        "times.",
        "{devices} 台设备一起反复上下线，合计 {falls} 次，单台最多 {most_falls} 次。",
        "They share one bad link: check the uplink, the switch and the wireless bridge between "
        "them and here.",
        "它们共用一条故障链路：检查其上联线路、交换机和无线网桥。",
    ),
    "flapping.off": OutageText(
        "{channels} channels of {device_id} are reported on and off in turn, {falls} times in all.",
        "{device_id} 的 {channels} 路通道被反复报告上线和离线，合计 {falls} 次。",
        "Check the links between the recorder and its cameras.",
        "检查录像机与摄像机之间的链路。",
    ),
    "channel_off": OutageText(
        "{device_id} is there and reports {channels} of its channels as off ({reported}) since "
        "{first_lost_at}.",
        "{device_id} 在线，自 {first_lost_at} 起报告 {channels} 路通道离线（{reported}）。",
        "Check the camera's power, its link to the recorder and the user name and password stored "
        "in the recorder.",
        "检查摄像机供电、到录像机的链路，以及录像机中保存的摄像机用户名和密码。",
    ),
    "media_never_arrives": OutageText(
        "{device_id} is online, but no picture of {channel_id} arrives: the play ended with "
        "{play_cause} at stage {stage}.",
        "{device_id} 在线，但 {channel_id} 没有图像：播放结束于 {stage} 阶段，原因 {play_cause}。",
        "See the channel's last play; check that the device reaches {told} (firewall, NAT).",
        "查看该通道最近一次播放；检查设备能否到达 {told}（防火墙、NAT）。",
    ),
    "clock_drift": OutageText(
        "The clock of {device_id} is {clock_s} s {direction_en} ours.",
        "{device_id} 的时钟比本平台{direction_zh} {clock_s} 秒。",
        "Set its time synchronisation to GB28181 or NTP and its zone to UTC+8; until then its "
        "registration may fail and searches for recordings are shifted.",
        "把“校时方式”设为 GB28181 或 NTP，时区设为东八区；"
        "在此之前注册可能失败，录像检索时间会偏移。",
    ),
    "clock_drift.many": OutageText(
        "The clocks of {devices} devices went wrong together.",
        "{devices} 台设备的时钟同时出现偏差。",
        "Check the time server they follow.",
        "检查它们所用的校时服务器。",
    ),
    "id_conflict": OutageText(
        "Two units claim {device_id}: one is there at {address}, another was refused at "
        "{other_address}.",
        "两台设备使用同一编码 {device_id}：一台在 {address} 在线，"
        "另一台在 {other_address} 被拒绝。",
        "Give one of them another SIP user name (device ID) of 20 digits.",
        "请给其中一台设置另一个 20 位SIP用户名（设备编码）。",
    ),
    "server_absent": OutageText(
        "This server was away for {absent_s} s; what devices did meanwhile is unknown, none of it "
        "counts as offline.",
        "本服务器中断 {absent_s} 秒；期间设备状态未知，不计为离线。",
        "Nothing has to be done at the devices; see why the server was stopped.",
        "设备侧无需处理；请查明服务器中断的原因。",
    ),
}
