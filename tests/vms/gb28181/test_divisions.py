"""The national table: names and ways down, and what nobody knows."""

from pathlib import Path

from vms.gb28181 import divisions


def test_codes_of_each_level_have_names() -> None:
    assert [divisions.name_of(code) for code in ("34", "3402", "340202")] == [
        "安徽省",
        "芜湖市",
        "镜湖区",
    ]
    assert divisions.name_of("653228") == "和康县"
    assert divisions.name_of("81") == "香港特别行政区"


def test_trailing_pairs_of_zeros_say_nothing() -> None:
    assert divisions.name_of("340200") == divisions.name_of("34020000") == "芜湖市"
    assert divisions.path_of("340200") == ("安徽省", "芜湖市")


def test_a_way_down_leaves_out_what_only_holds_others() -> None:
    assert divisions.path_of("110105") == ("北京市", "朝阳区")
    assert divisions.path_of("429004") == ("湖北省", "仙桃市")
    assert divisions.path_of("34020201") == ("安徽省", "芜湖市", "镜湖区")


def test_what_is_not_in_the_table_has_no_name() -> None:
    for code in ("", "3", "00", "99", "340", "3499", "34020299", "0\n11", "1101\t"):
        assert not divisions.is_known(code)
    assert divisions.path_of("349999") == ("安徽省",)


def test_every_line_is_a_code_below_another_and_a_name() -> None:
    table = Path(divisions.__file__).with_name("divisions.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()]
    codes = {code for code, _ in rows}

    assert len(rows) == len(codes) == 3356
    assert all(len(code) == 2 or code[:-2] in codes for code in codes)
    assert {code for code in codes if len(code) == 2} == divisions.PROVINCES
    assert all(name.strip() == name and name.isprintable() for _, name in rows)
