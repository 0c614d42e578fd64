"""What people are told about files and rows, in both languages. Braces hold facts."""

from collections.abc import Mapping
from typing import NamedTuple

from vms.site import Language


class Sentence(NamedTuple):
    """What is wrong and what to do."""

    en: str
    zh: str


_TYPE_AGAIN_EN = "Format the column as text (the template is), then enter the ID again in full."
_TYPE_AGAIN_ZH = "请先把该列设为“文本”格式（模板已设好），再完整地重新输入编号。"

SENTENCES: Mapping[str, Sentence] = {
    # Files
    "file_empty": Sentence("The file has no rows.", "文件中没有数据。"),
    "file_too_large": Sentence(
        "The file has more than {limit_mib} MiB. Split it.",
        "文件超过 {limit_mib} MiB，请拆分后再导入。",
    ),
    "format_unknown": Sentence(
        "This is no spreadsheet that can be read: xlsx, xls, ods, or csv in UTF-8 or GB18030.",
        "无法识别的文件。支持 xlsx、xls、ods，以及 UTF-8 或 GB18030 编码的 csv。",
    ),
    "workbook_damaged": Sentence(
        "The workbook cannot be read; open it in your program and save it as xlsx again.",
        "工作簿已损坏，无法读取。请用表格软件打开后重新另存为 xlsx。",
    ),
    "workbook_locked": Sentence(
        "The workbook is protected by a password; save it without one.",
        "工作簿有密码保护，请取消密码后再导入。",
    ),
    "unpacks_too_large": Sentence(
        "The workbook unpacks to more than {limit_mib} MiB; that is no sheet of devices.",
        "工作簿解压后超过 {limit_mib} MiB，不予读取。",
    ),
    "unreadable": Sentence(
        "Reading the file took more memory or time than it may; save its sheet as a new file.",
        "读取该文件所需内存或时间超限。请把该工作表另存为新文件后重试。",
    ),
    "csv_damaged": Sentence(
        "The csv cannot be read from row {row} on: is a quotation mark missing?",
        "csv 从第 {row} 行起无法解析，请检查引号是否成对。",
    ),
    "too_many_rows": Sentence(
        "The file has more than {limit} rows. Split it.",
        "文件超过 {limit} 行，请拆分后再导入。",
    ),
    "too_many_columns": Sentence(
        "The sheet reaches beyond column {limit}; delete what lies there.",
        "工作表超出第 {limit} 列，请删除多余的列。",
    ),
    "no_heading": Sentence(
        "None of the first {rows} rows has the headings {columns}. Take the template.",
        "前 {rows} 行中没有找到表头：{columns}。请使用模板。",
    ),
    "heading_twice": Sentence(
        "Two columns are headed {column}; keep one of them.",
        "有两列的表头都是“{column}”，请只保留一列。",
    ),
    # Rows
    "key_missing": Sentence(
        "{column} is empty; every row needs it.", "“{column}”为空，每一行都必须填写。"
    ),
    "value_missing": Sentence(
        "{column} is empty; what is new needs it.", "“{column}”为空，新增的行必须填写。"
    ),
    "id_number": Sentence(
        "{value} was stored as a number: Excel keeps 15 digits of those and makes the rest zeros. "
        + _TYPE_AGAIN_EN,
        "{value} 被存成了数字：Excel 只保留 15 位，其余各位已变成 0。" + _TYPE_AGAIN_ZH,
    ),
    "id_scientific": Sentence(
        "{value} is how Excel shows an ID that it took for a number; the ID itself is lost. "
        + _TYPE_AGAIN_EN,
        "{value} 是 Excel 把编号当作数字后的科学计数显示，原编号已丢失。" + _TYPE_AGAIN_ZH,
    ),
    "id_zeros": Sentence(
        "{value} has only zeros after its 15th digit, as Excel leaves an ID that it took for a "
        "number, and is not on file. " + _TYPE_AGAIN_EN + " If it is right, add it singly.",
        "{value} 第 15 位之后全是 0，这是 Excel 把编号当作数字后留下的，且系统中没有该编号。"
        + _TYPE_AGAIN_ZH
        + "如果编号确实如此，请单独添加。",
    ),
    "wrong_value": Sentence(
        "{value} does not fit the column {column}: it takes {hint}.",
        "“{value}”不符合“{column}”列的要求：{hint}。",
    ),
    "no_default": Sentence(
        "{column} has nothing to go back to; enter a value or leave the cell empty.",
        "“{column}”没有可恢复的默认值，请填写内容或留空。",
    ),
    "half_position": Sentence(
        "A position has both a longitude and a latitude; {column} is empty.",
        "经度和纬度必须同时填写，“{column}”为空。",
    ),
    "named_twice": Sentence(
        "Row {first} is about the same already; keep one of the two.",
        "与第 {first} 行重复，请只保留一行。",
    ),
    "no_device": Sentence(
        "Device {device_id} is not on file. Import it first, as a device.",
        "系统中没有设备 {device_id}。请先在设备表中导入该设备。",
    ),
    "no_group": Sentence(
        "There is no group {group_id}. Import it first, as a group.",
        "没有分组 {group_id}。请先在分组表中导入该分组。",
    ),
    "row": Sentence("Row {row}: {what}", "第 {row} 行：{what}"),
    "refused": Sentence("This row was refused: {why}.", "该行未被接受：{why}。"),
    # Jobs
    "stopped": Sentence(
        "The server was stopped before the end. Rows counted as applied stay; send the file again.",
        "服务器在导入完成前停止。已计入的行已生效，请重新导入该文件。",
    ),
    "storage": Sentence(
        "The database did not take all rows: {why}. Those counted as applied stay; send the file "
        "again.",
        "数据库未能写入全部数据：{why}。已计入的行已生效，请重新导入该文件。",
    ),
    "fault": Sentence(
        "A fault of this server; its log says more. Rows counted as applied stay.",
        "服务器内部错误，详见日志。已计入的行已生效。",
    ),
}


def sentence(code: str, language: Language, facts: Mapping[str, str | int]) -> str:
    """One of `SENTENCES` with its facts."""
    text = SENTENCES[code]
    return (text.zh if language == "zh" else text.en).format(**facts)


ABOUT: Mapping[str, Sentence] = {
    "sheet": Sentence("Explanations", "填写说明"),
    "column": Sentence("Column", "列"),
    "program": Sentence("Name for programs", "程序名称"),
    "takes": Sentence("What it takes", "填写要求"),
    "key": Sentence("needed in every row", "每行必填"),
    "told": Sentence("only told; ignored when imported", "仅供查看，导入时忽略"),
    "rule_empty": Sentence(
        "An empty cell leaves what is there as it is.", "空单元格表示保持原值不变。"
    ),
    "rule_reset": Sentence(
        "A single hyphen (-) goes back to what the device reported, or to the default.",
        "单个减号（-）表示恢复为设备上报值或默认值。",
    ),
    "rule_ids": Sentence(
        "IDs are text. Excel keeps only 15 digits of numbers, so the columns of this file are "
        "formatted as text already.",
        "编号一律为文本。Excel 的数字只保留 15 位，因此本文件各列已设为文本格式。",
    ),
    "rule_headings": Sentence(
        "Columns may stand in any order and may be left out, but for those that every row needs.",
        "各列顺序不限，除每行必填的列外均可省略。",
    ),
    "rule_again": Sentence(
        "A file may be imported again: rows that say nothing new change nothing.",
        "同一文件可以重复导入：没有变化的行不会产生任何修改。",
    ),
}
