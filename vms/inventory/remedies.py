"""What each kind of anomaly means and what is to be done about it, in both languages."""

from collections.abc import Mapping
from typing import NamedTuple

from vms.inventory.anomalies import AnomalyKind


class Remedy(NamedTuple):
    """A finding and its remedy, in English and in Chinese."""

    en: str
    zh: str
    remedy_en: str
    remedy_zh: str


REMEDIES: Mapping[AnomalyKind, Remedy] = {
    AnomalyKind.ID_LENGTH: Remedy(
        "The ID is neither 20 digits long nor the code of a division.",
        "编码既不是 20 位，也不是行政区划代码。",
        "Give it a 20-digit ID on the device: 8 digits of the place, 2 of the industry, 3 of the "
        "type, 1 of the network, 6 of its own.",
        "在设备上改为 20 位编码：中心编码 8 位、行业编码 2 位、类型编码 3 位、"
        "网络标识 1 位、序号 6 位。",
    ),
    AnomalyKind.ID_TYPE: Remedy(
        "Digits 11 to 13 of the ID name no type that this could be.",
        "编码第 11～13 位的类型编码不适用于该设备或通道。",
        "Set them on the device: 131 or 132 for a camera, 118 for a network recorder, 111 for a "
        "digital recorder, 200 for a platform.",
        "在设备上改正：摄像机 131 或 132，网络录像机 118，硬盘录像机 111，平台 200。",
    ),
    AnomalyKind.RECORDER_TYPED_AS_PLATFORM: Remedy(
        "A recorder uses the ID of a platform (type 200); calls for its cameras may fail.",
        "录像机使用了平台的编码（类型 200），点播其通道可能失败。",
        "Give the recorder an ID of type 118 (or 111 for a digital recorder) and let it register "
        "again.",
        "将录像机的设备编码类型改为 118（硬盘录像机为 111），然后重新注册。",
    ),
    AnomalyKind.CAMERA_TYPED_AS_RECORDER: Remedy(
        "A channel has the ID of a recorder or another main device (types 111 to 130).",
        "通道使用了录像机等前端主设备的编码（类型 111～130）。",
        "Give the channel an ID of type 131 or 132 on the recorder.",
        "在录像机上将该通道的编码类型改为 131 或 132。",
    ),
    AnomalyKind.DUPLICATE_CHANNEL: Remedy(
        "The same channel ID is reported by more than one device.",
        "同一通道编码由多台设备上报。",
        "If it is one camera behind two devices, take it out of the catalogue of one; otherwise "
        "give one of them a new ID.",
        "若是同一摄像机经两台设备接入，请在其中一台上取消上报；否则请为其中一个通道更换编码。",
    ),
    AnomalyKind.SELF_PARENT: Remedy(
        "The channel names itself as its parent.",
        "通道把自己填写为父节点。",
        "Set its parent on the device to the device's own ID; until then it counts as right below "
        "the device.",
        "在设备上把父设备编码改为设备自身的编码；在此之前按该设备的下级处理。",
    ),
    AnomalyKind.UNKNOWN_PARENT: Remedy(
        "The channel names a parent that the device does not report.",
        "通道的父节点不在该设备上报的目录中。",
        "Let the device report the parent as well, or correct the parent; then query the catalogue "
        "again.",
        "让设备同时上报父节点，或改正父设备编码，然后重新查询目录。",
    ),
    AnomalyKind.PARENT_CYCLE: Remedy(
        "Channels name each other as parents in a circle.",
        "若干通道互为父节点，形成循环。",
        "Correct the parents on the device so that each way up ends at the device.",
        "在设备上改正父设备编码，使每个节点逐级向上都能到达设备本身。",
    ),
    AnomalyKind.SEVERAL_PARENTS: Remedy(
        "The channel names more than one recorder as its parent.",
        "通道填写了多个父设备。",
        "Leave the recorder that it is connected to, and take the others out; organisations may "
        "stay.",
        "只保留实际接入的录像机，去掉其余父设备；虚拟组织可以保留。",
    ),
    AnomalyKind.ORPHAN: Remedy(
        "A virtual organisation hangs in no group that the device reports.",
        "虚拟组织没有所属的业务分组，或上级节点未上报。",
        "Let the device report the business group (type 215) or the organisation above it, or set "
        "its BusinessGroupID; or hang its cameras into a group of your own.",
        "让设备上报所属业务分组（类型 215）或上级虚拟组织，或填写业务分组编码；"
        "也可将其摄像机归入自建分组。",
    ),
    AnomalyKind.UNKNOWN_DIVISION: Remedy(
        "Nobody knows the civil code of the channel; it may be of a county that was merged.",
        "行政区划代码无法识别，可能是已撤并区县的旧代码。",
        "Set the division of the channel here, correct it on the device, or give the code a name.",
        "在本平台设置该通道的行政区划，或在设备上改正，或为该代码登记名称。",
    ),
    AnomalyKind.MISSING_FIELDS: Remedy(
        "The file lacks fields that GB/T 28181-2022 asks of a camera of this class.",
        "档案缺少 GB/T 28181-2022 对该类监控点要求的字段。",
        "Fill them in here, one by one, for many at once or by a spreadsheet; or on the device.",
        "在本平台逐个、批量或用表格补填，或在设备上填写。",
    ),
}
