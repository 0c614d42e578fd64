"""What people are told: one table, both languages, what happened and what to do next.

Keys are a cause, or a cause and a variant behind a dot. Names of settings are those that cameras
print on their GB/T 28181 page. Braces hold facts; which ones, `vms.diagnosis.causes` says.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Text(NamedTuple):
    """A finding and the next step, in English and in Chinese."""

    en: str
    zh: str
    next_en: str
    next_zh: str


_CODEC_NEXT_EN = (
    "Three ways out: set the camera's video encoding to H.264 (or play its H.264 sub-stream); let "
    "this server convert, which takes about a quarter of a processor core a stream; or use a "
    "browser and computer that decode it in hardware."
)
_CODEC_NEXT_ZH = (
    "三种办法：把摄像机“视频编码”改为 H.264（或播放 H.264 的子码流）；由本服务器转码，"
    "每路约占四分之一个处理器核心；或改用能硬件解码该编码的浏览器和电脑。"
)
_STREAM_LIMIT_EN = "Close other viewers of this device or raise its stream limit, then play again."
_STREAM_LIMIT_ZH = "关闭该设备的其他观看者，或调大设备的码流路数上限，然后重新播放。"

TEXTS: Mapping[str, Text] = {
    # Registration
    "none.device": Text(
        "The device is registered and alive.",
        "设备已注册，状态正常。",
        "Nothing has to be done.",
        "无需处理。",
    ),
    "none.redirected": Text(
        "The device was sent on to another server, as the settings say.",
        "设备已按设置被重定向到其他服务器。",
        "Remove it from `sip.redirects` if it belongs here.",
        "若设备应在本平台，请从 `sip.redirects` 中删除它。",
    ),
    "pending.device": Text(
        "The device was registered before this server was away, and has not been heard since.",
        "设备在本服务器中断之前已注册，恢复后尚未收到它的消息。",
        "Wait for its next keepalive; restart the device if none comes within three minutes.",
        "等待下一次心跳；三分钟内仍没有心跳时请重启设备。",
    ),
    "no_register": Text(
        "No REGISTER from {device_id} has arrived since this server started.",
        "自本服务器启动以来，没有收到 {device_id} 的任何注册（REGISTER）消息。",
        "On the device enable GB28181 and check: SIP server address {address}, SIP server port "
        "{port}, SIP server ID {server_id}, SIP domain {domain}, SIP user name {device_id}; then "
        "check that firewalls let UDP and TCP port {port} through.",
        "在设备上启用 GB28181，并核对：SIP服务器地址 {address}、SIP服务器端口 {port}、"
        "SIP服务器ID {server_id}、SIP服务器域 {domain}、SIP用户名 {device_id}；"
        "再确认防火墙放行 UDP 和 TCP 的 {port} 端口。",
    ),
    "other_address": Text(
        "A REGISTER for {device_id} comes from {source}, while the device is alive at {bound}.",
        "{device_id} 的注册来自 {source}，而该设备目前在 {bound} 在线。",
        "If two devices carry one ID, give one of them another SIP user name (device ID). If the "
        "device has moved, it is let in as soon as its old address has been silent.",
        "若两台设备使用同一编码，请给其中一台设置另一个SIP用户名（设备编码）。"
        "若设备只是换了地址，旧地址静默后即可注册。",
    ),
    "challenge_unanswered": Text(
        "{device_id} asks to register from {source} and never answers our 401 with credentials.",
        "{device_id} 从 {source} 请求注册，但从未用认证信息应答我方的 401。",
        "Set the password (SIP authentication) on the device. If one is set, our answers do not "
        "reach it: check the NAT or firewall in between, or set its transport to TCP.",
        "在设备上填写密码（SIP用户认证）。若已填写，说明我方应答到不了设备："
        "检查中间的 NAT 或防火墙，或把设备的传输协议改为 TCP。",
    ),
    "challenge_unanswered.stale": Text(
        "{device_id} answers with an old nonce again and again and does not take the new one.",
        "{device_id} 反复使用旧的 nonce 应答，不接受新的 nonce。",
        "Restart the device or renew its firmware; it does not understand `stale=true`.",
        "重启设备或升级固件；设备不理解 `stale=true`。",
    ),
    "wrong_password": Text(
        "The password of {device_id} is wrong: its digest does not match.",
        "{device_id} 的密码错误：摘要不匹配。",
        "Enter the password that this platform shows for the device into the device's password "
        "field, or set the device's secret here to the one it uses.",
        "把本平台显示的该设备密码填入设备的“密码”项，"
        "或在本平台把该设备的密码改成设备正在使用的密码。",
    ),
    "wrong_password.realm": Text(
        "The credentials of {device_id} are for another domain than {domain}.",
        "{device_id} 的认证信息属于另一个域，不是 {domain}。",
        "Set the SIP domain on the device to {domain} and SIP server ID to {server_id}.",
        "在设备上把SIP服务器域设为 {domain}，SIP服务器ID设为 {server_id}。",
    ),
    "id_not_allowed.not_listed": Text(
        "{device_id} is not on file, and only devices on file are let in.",
        "{device_id} 未登记，本平台只允许已登记的设备注册。",
        "Add the device here with this ID, or correct the SIP user name on the device.",
        "在本平台用该编码添加设备，或更正设备上的SIP用户名。",
    ),
    "id_not_allowed.waits": Text(
        "{device_id} waits for approval.",
        "{device_id} 正在等待批准。",
        "Approve it in the waiting room; it is let in with its next REGISTER.",
        "在等待列表中批准它；下一次注册时即可接入。",
    ),
    "id_not_allowed.refused": Text(
        "{device_id} was refused by an operator.",
        "{device_id} 已被操作员拒绝。",
        "Approve it in the waiting room if that was a mistake.",
        "若属误操作，请在等待列表中批准它。",
    ),
    "id_not_allowed.from_to": Text(
        "{device_id} names another device in To than in From of its REGISTER.",
        "{device_id} 的注册消息中 To 与 From 的编码不一致。",
        "Set SIP user name and SIP authentication ID on the device to one and the same ID of 20 "
        "digits.",
        "在设备上把SIP用户名和SIP用户认证ID设为同一个 20 位编码。",
    ),
    "id_not_allowed.username": Text(
        "{device_id} authenticates under a user name that is not the one on file.",
        "{device_id} 认证所用的用户名与登记的不一致。",
        "Set SIP authentication ID on the device to {device_id}, or enter its user name here.",
        "在设备上把SIP用户认证ID设为 {device_id}，或在本平台登记它的用户名。",
    ),
    "id_not_allowed.digits": Text(
        "{device_id} has {digits} digits; the standard asks for 20.",
        "{device_id} 有 {digits} 位数字；标准要求 20 位。",
        "Set SIP user name on the device to an ID of 20 digits and add it here under that ID.",
        "在设备上把SIP用户名设为 20 位编码，并在本平台用同一编码添加设备。",
    ),
    "clock_off": Text(
        "The clock of {device_id} is {clock_s} s {direction_en} ours.",
        "{device_id} 的时钟比本平台{direction_zh} {clock_s} 秒。",
        "Set the device's time synchronisation to GB28181 (or NTP) and its time zone to UTC+8; "
        "until then searches in its recordings are shifted.",
        "在设备上把“校时方式”设为 GB28181（或 NTP）校时，"
        "时区设为东八区；在此之前，录像检索时间会有偏移。",
    ),
    "keepalives_stopped": Text(
        "{device_id} was registered from {bound} and has been silent for {silent_s} s; keepalives "
        "were due every {interval_s} s.",
        "{device_id} 曾从 {bound} 注册，已静默 {silent_s} 秒；心跳周期应为 {interval_s} 秒。",
        "Check the device's power and network; on its GB28181 page set keepalive period "
        "{interval_s} and maximum keepalive timeouts 3.",
        "检查设备的供电和网络；"
        "在设备 GB28181 页面把心跳周期设为 {interval_s}、最大心跳超时次数设为 3。",
    ),
    "unregistered": Text(
        "{device_id} signed off by itself.",
        "{device_id} 主动注销。",
        "Enable GB28181 on the device again, or switch it on.",
        "在设备上重新启用 GB28181，或给设备开机。",
    ),
    "expiry_too_brief": Text(
        "{device_id} asks to be registered for less than a minute.",
        "{device_id} 请求的注册有效期不足一分钟。",
        "Set the registration validity on the device to 3600 s.",
        "在设备上把注册有效期设为 3600 秒。",
    ),
    # Plays
    "none.play": Text(
        "It plays.",
        "播放正常。",
        "Nothing has to be done.",
        "无需处理。",
    ),
    "none.ended": Text(
        "It was ended here ({reason}).",
        "播放已由本平台结束（{reason}）。",
        "Play again to go on.",
        "如需继续请重新播放。",
    ),
    "pending.play": Text(
        "It is under way: the last stage reached is {stage}.",
        "正在进行：最近到达的阶段为 {stage}。",
        "Wait a few seconds.",
        "请等待几秒。",
    ),
    "device_offline": Text(
        "The device went offline.",
        "设备已离线。",
        "See the diagnosis of the device.",
        "请查看该设备的诊断。",
    ),
    "server": Text(
        "This server could not serve it: {error}.",
        "本服务器无法处理：{error}。",
        "See the server's state page and its log; a limit or the database is in the way.",
        "请查看本服务器的状态页和日志：资源上限或数据库存在问题。",
    ),
    "invite_unanswered": Text(
        "The device does not answer INVITE.",
        "设备没有应答点播请求（INVITE）。",
        "It may answer to another port or be overloaded: restart it, and set its transport to TCP "
        "if it is behind NAT.",
        "设备可能把应答发往其他端口，或已过载：请重启设备；"
        "若设备在 NAT 之后，请把传输协议改为 TCP。",
    ),
    "invite_unanswered.trying": Text(
        "The device took the INVITE ({trying}) and never gave a final answer.",
        "设备已收到点播请求（{trying}），但没有给出最终应答。",
        "Its 200 may be lost on UDP: set the device's transport to TCP; if it is a recorder, check "
        "that the camera behind it is online.",
        "其 200 应答可能在 UDP 上丢失：把设备的传输协议改为 TCP；"
        "若为录像机，请检查其后的摄像机是否在线。",
    ),
    "invite_refused.400": Text(
        "The device did not understand the INVITE (400).",
        "设备无法理解点播请求（400）。",
        "Try the other media transport (UDP or TCP) for this device, and check that its channel "
        "ID has a camera's type digits (131 or 132).",
        "为该设备换用另一种媒体传输（UDP 或 TCP），并确认通道编码的类型码为摄像机（131 或 132）。",
    ),
    "invite_refused.403": Text(
        "The device forbids it (403).",
        "设备拒绝点播（403）。",
        "Check SIP server ID {server_id} and SIP domain {domain} on the device, and its rights for "
        "live viewing by the platform.",
        "检查设备上的SIP服务器ID {server_id} 和SIP服务器域 {domain}，以及设备给平台的预览权限。",
    ),
    "invite_refused.404": Text(
        "The device knows no channel {channel_id} (404).",
        "设备没有通道 {channel_id}（404）。",
        "Query the catalogue again; on the device compare the video channel ID.",
        "重新查询目录；在设备上核对“视频通道编码ID”。",
    ),
    "invite_refused.408": Text(
        "The device did not reach the camera behind it in time (408).",
        "设备未能及时联系到其后的摄像机（408）。",
        "Check the camera's network and its state in the recorder.",
        "检查摄像机的网络以及它在录像机中的状态。",
    ),
    "invite_refused.480": Text(
        "The channel is not available now (480): the camera behind the device is offline.",
        "通道暂不可用（480）：设备后面的摄像机离线。",
        "Check the camera's power and network and its state in the recorder.",
        "检查摄像机的供电、网络以及它在录像机中的状态。",
    ),
    "invite_refused.486": Text(
        "The device is busy (486): it sends as many streams as it can.",
        "设备忙（486）：已达到码流路数上限。",
        _STREAM_LIMIT_EN,
        _STREAM_LIMIT_ZH,
    ),
    "invite_refused.487": Text(
        "The device ended the INVITE by itself (487).",
        "设备自行终止了点播请求（487）。",
        "Recorders do this when ID types are mixed up: check that device and channel ID have the "
        "right type digits (118 recorder, 132 camera, 200 platform).",
        "录像机在编码类型配置错误时会这样："
        "请核对设备和通道编码的类型码（118 录像机、132 摄像机、200 平台）。",
    ),
    "invite_refused.488": Text(
        "The device cannot do what was offered (488).",
        "设备不支持所提供的媒体参数（488）。",
        "Choose the other media transport or the other stream for this device.",
        "为该设备换用另一种媒体传输或另一路码流。",
    ),
    "invite_refused.500": Text(
        "The device failed inside ({status}).",
        "设备内部错误（{status}）。",
        "Play again; restart the device if it stays so.",
        "重新播放；若仍如此请重启设备。",
    ),
    "invite_refused.503": Text(
        "The device cannot serve now ({status}): it is overloaded or out of streams.",
        "设备暂时无法服务（{status}）：过载或码流路数用尽。",
        _STREAM_LIMIT_EN,
        _STREAM_LIMIT_ZH,
    ),
    "invite_refused.sdp": Text(
        "The device accepted, but its answer (SDP) is none to what was offered.",
        "设备已接受点播，但其应答的 SDP 与请求不符。",
        "Choose the other media transport for this device; the SIP trace shows its answer.",
        "为该设备换用另一种媒体传输；应答内容见 SIP 信令跟踪。",
    ),
    "invite_refused": Text(
        "The device refused the INVITE with {status}.",
        "设备以 {status} 拒绝了点播请求。",
        "The SIP trace shows its answer; the device's log tells more.",
        "应答内容见 SIP 信令跟踪；更多原因请看设备日志。",
    ),
    "no_rtp": Text(
        "The device accepted the call and sent nothing to {told}.",
        "设备已接受点播，但没有向 {told} 发送任何数据。",
        "Check that the device can reach {told} over UDP (firewall, NAT); if that address is wrong "
        "from its side, set `sip.advertised_addresses`; or play by TCP.",
        "检查设备能否通过 UDP 到达 {told}（防火墙、NAT）；若该地址对设备而言不正确，"
        "请设置 `sip.advertised_addresses`；或改用 TCP 播放。",
    ),
    "no_rtp.not_connected": Text(
        "The device accepted the call and did not connect to {told}.",
        "设备已接受点播，但没有连接 {told}。",
        "Check that the device can reach {told} over TCP (firewall, NAT); if that address is wrong "
        "from its side, set `sip.advertised_addresses`; or play by UDP.",
        "检查设备能否通过 TCP 连接 {told}（防火墙、NAT）；若该地址对设备而言不正确，"
        "请设置 `sip.advertised_addresses`；或改用 UDP 播放。",
    ),
    "no_rtp.silent_connection": Text(
        "The device connected to {told} and sent nothing.",
        "设备已连接 {told}，但没有发送任何数据。",
        "Check that the camera behind it gives a picture; play by UDP; restart the device.",
        "检查其后的摄像机是否有图像；改用 UDP 播放；重启设备。",
    ),
    "rtp_unusable.other_host": Text(
        "RTP arrives at {told}, but from {sources} and not from the device.",
        "{told} 收到 RTP，但来自 {sources}，而不是该设备。",
        "Another device still sends to this port, or the device sends from a second network "
        "address: restart the sender, or let the device register from the address it sends from.",
        "可能有其他设备仍向该端口发送，或设备从另一网络地址发送："
        "请重启发送者，或让设备用同一地址注册和发送。",
    ),
    "rtp_unusable.ssrc": Text(
        "RTP arrives with SSRC {seen} and not with {ssrc}, which was agreed.",
        "收到的 RTP 的 SSRC 为 {seen}，不是约定的 {ssrc}。",
        "The device still sends an earlier stream or ignores `y=`: restart it, or renew its "
        "firmware.",
        "设备仍在发送之前的码流，或忽略了 `y=`：请重启设备或升级固件。",
    ),
    "rtp_unusable.not_rtp": Text(
        "What arrives at {told} is no RTP.",
        "{told} 收到的数据不是 RTP。",
        "Check that the device sends by GB28181 and not by a protocol of its maker; choose the "
        "other media transport.",
        "确认设备按 GB28181 而不是厂商私有协议发送；换用另一种媒体传输。",
    ),
    "rtp_unusable.ts": Text(
        "The device sends a transport stream (TS), not the program stream (PS) of the standard.",
        "设备发送的是 TS 流，而不是标准要求的 PS 流。",
        "Set the device's encapsulation (stream format) to PS.",
        "在设备上把封装格式设为 PS。",
    ),
    "rtp_unusable.not_ps": Text(
        "RTP arrives, and its content is no program stream (PS).",
        "收到 RTP，但内容不是 PS 流。",
        "Set the device's encapsulation to PS and switch its stream encryption off.",
        "在设备上把封装格式设为 PS，并关闭码流加密。",
    ),
    "codec_not_shown": Text(
        "The picture arrives as {codec}, which this browser cannot show.",
        "图像编码为 {codec}，当前浏览器无法显示。",
        _CODEC_NEXT_EN,
        _CODEC_NEXT_ZH,
    ),
    "codec_not_shown.unsupported": Text(
        "The device sends {codec}, which neither browsers nor this server decode.",
        "设备发送的编码为 {codec}，浏览器和本服务器均无法解码。",
        "Set the camera's video encoding to H.264 or H.265, or play its other stream if that is "
        "one of them; a player of the camera's maker shows it as it is.",
        "把摄像机“视频编码”改为 H.264 或 H.265；若另一路码流是这两种编码则播放该码流；"
        "或使用摄像机厂商的播放器观看。",
    ),
    "no_key_picture": Text(
        "The program stream arrives without a complete key picture.",
        "收到 PS 流，但没有完整的关键帧。",
        "Switch stream encryption and smart coding (H.264+/H.265+) off, set the I-frame interval "
        "to 50 or less.",
        "关闭码流加密和智能编码（H.264+/H.265+），把 I 帧间隔设为 50 或更小。",
    ),
    "hung_up": Text(
        "It played, then the device ended it ({error}).",
        "播放一段时间后被设备结束（{error}）。",
        "Play again. If it ends after the same time each time, look for a media keepalive or a "
        "stream timeout in the device's GB28181 settings.",
        "重新播放。若每次都在相同时间后结束，请检查设备 GB28181 设置中的媒体心跳或码流超时。",
    ),
    "loss": Text(
        "{loss_percent} % of the packets are lost on the way.",
        "{loss_percent}% 的数据包在途中丢失。",
        "Play by TCP, lower the camera's bit rate, or mend the network; see whether this server's "
        "receive buffer is large enough (`vms doctor`).",
        "改用 TCP 播放、降低摄像机码率或检修网络；"
        "并用 `vms doctor` 检查本服务器的接收缓冲区是否足够。",
    ),
}
