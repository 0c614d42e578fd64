"""A month of 10,000 cameras: what happens, and how many seconds that makes. By hand.

This file was written and committed before the test that lives the month, and before the figures it
is compared with. It imports nothing but a tuple with names. Every number is a literal, or the
arithmetic of literals; nothing here was taken from what the server said.

The month is March 2026 in Asia/Shanghai (UTC+8, no summer time): 31 days of 86,400 s. Times like
"3rd 10:00:00" are site time; 28 February is the 0th, 1 April the 32nd. All are ledger times.

The server
    0th 00:00:00   it starts; admission is open; all but three recorders come at once
    3rd 10:00:00   stopped in order, its last second noted; up again after 300 s, at 10:05:00
    9th 23:59:30   its last life mark; killed at 23:59:31; up again after 59 s, on the 10th 00:00:30
   12th 08:00:00   somebody sets the wall clock 120 s ahead: the ledger goes on as if nothing were
   12th 20:00:00   stopped in order (wall 20:02:00); 180 s later it starts at wall 20:05:00, and so
                   does the ledger: 300 s are missing, 120 of them never were
   18th 06:00:00   somebody sets the wall clock 900 s back: nothing happens
   18th 12:00:00   its last life mark (wall 11:45:00); killed a second later; 59 s after that it
                   starts at wall 11:46:00, which lies behind the last second written: the ledger
                   goes on at 12:00:00, 840 s ahead of the wall
   24th 02:00:00   stopped in order (wall 01:46:00); 1,140 s later it starts at wall 02:05:00, which
                   lies ahead of the ledger again: 300 s are missing
   32nd 02:00:00   the end

After each start, 60 s later, every device that is well sends a sign of life: on the 3rd at
10:06:00, 10th 00:01:30, 12th 20:06:00, 18th 12:01:00, 24th 02:06:00. It was unknown from the last
second noted until then, so long:
    360 + 120 + 360 + 60 + 360 = 1,260 s
of the 120 s of the second absence 30 lie on the 9th and 90 on the 10th.

Beside that, who is well sends a keepalive on the 7th 04:00, 15th 20:00, 21st 16:00, 27th 04:00 and
30th 08:00. Where nothing else is said, an operator has set an interval of 3,600 s and 100 misses:
silence of 360,000 s (4 days 4 hours) takes offline.

The groups, by who shares a fate, with the division and the maker its catalogue tells
"""

from typing import NamedTuple

MONTH_STARTS_S = 1_772_294_400
"""2026-02-28T16:00:00Z. 56 years of 365 days, 14 leap days, 31 days of January, 27 of February:
20,440 + 14 + 58 = 20,512 days; 20_512 * 86_400 + 16 * 3_600."""

MONTH_S = 31 * 86_400
"""2,678,400."""


class Fate(NamedTuple):
    """What became of each camera of a group, at one place: seconds of the month, by state."""

    group: str
    division: str
    maker: str
    cameras: int
    proven_s: int
    signalled_s: int
    offline_s: int
    unknown_s: int
    excluded_s: int
    not_commissioned_s: int


NORTH, SOUTH, WEST, EAST = "340202", "340203", "340302", "340303"

FATES = (
    # 60 recorders with 100 channels each. Nothing happens to them but the server's absences.
    Fate("steady_north", NORTH, "Acme", 6_000, 0, 2_678_400 - 1_260, 0, 1_260, 0, 0),
    # 10 recorders, 6 recorders, 125 cameras that are devices of their own.
    Fate("steady_south", SOUTH, "Bolt", 1_000, 0, 2_678_400 - 1_260, 0, 1_260, 0, 0),
    Fate("steady_east", EAST, "Acme", 600, 0, 2_678_400 - 1_260, 0, 1_260, 0, 0),
    Fate("steady_west", WEST, "Acme", 125, 0, 2_678_400 - 1_260, 0, 1_260, 0, 0),
    # 3 recorders. Last heard on the 4th 08:00:00; 360,000 s later, on the 8th 12:00:00, offline,
    # not before. So until the server's last mark before it was killed, 9th 23:59:30: a day and a
    # half less 30 s. Unknown from there until they register on the 10th at 06:00:00: 6 h and 30 s.
    Fate(
        "long_silence",
        NORTH,
        "Bolt",
        300,
        0,
        2_678_400 - 129_570 - 22_770,  # 2_526_060
        129_600 - 30,
        360 + (21_600 + 30) + 360 + 60 + 360,  # 22_770
        0,
        0,
    ),
    # 1 recorder, at 3,600 s x 12 = 12 h. Heard every 6 h, last on the 3rd 08:00:00. The server's
    # absence begins at 10:00:00. It stays silent, so it is unknown for the rest of the absence and
    # for its whole limit counted from the start at 10:05:00: until 22:05:00. Then offline, until it
    # registers on the 4th 09:00:00 (10 h 55 min). Set to 360,000 s then.
    Fate(
        "grace_passed",
        SOUTH,
        "Bolt",
        100,
        0,
        2_678_400 - 39_300 - 44_400,  # 2_594_700
        10 * 3_600 + 55 * 60,  # 39_300
        (300 + 43_200) + 120 + 360 + 60 + 360,  # 44_400
        0,
        0,
    ),
    # 2 recorders. Unregister on the 0th 22:00:00, register on the 1st 02:00:00: 2 of the 4 hours
    # are the month's. Unregister on the 31st 23:00:00, register on the 32nd 01:00:00: 1 of 2 hours.
    Fate(
        "over_the_borders",
        SOUTH,
        "Acme",
        200,
        0,
        2_678_400 - 10_800 - 1_260,  # 2_666_340
        7_200 + 3_600,
        1_260,
        0,
        0,
    ),
    # 1 recorder over TCP. Its connection closes on the 2nd 09:00:00: offline 30 s later, until it
    # registers over a new one at 09:10:00. The next closes at 15:00:00; it registers at 15:00:29,
    # so nothing happened. After each start of the server it registers over a new connection.
    Fate(
        "lost_connection",
        SOUTH,
        "Bolt",
        100,
        0,
        2_678_400 - 570 - 1_260,  # 2_676_570
        600 - 30,
        1_260,
        0,
        0,
    ),
    # 1 recorder with 50 channels, on file since the 0th, at 60 s x 3. It registers for the first
    # time on the 20th 10:00:00, and tells its channels: 19 days 10 h not commissioned. That day:
    #   keepalives every 60 s from 10:01:00 to 10:10:00: offline at 10:13:00           online   780
    #   a keepalive at 10:20:10 brings it back                                        offline   430
    #   five more, every 45 s, the last at 10:23:55: its rhythm is 45 s now, so
    #   offline after 135 s, at 10:26:10                                               online   360
    #   a keepalive at 10:30:00 brings it back                                        offline   230
    #   and no other follows: offline at 10:32:15, for the third time in an hour       online   135
    #   a keepalive at 10:40:10 is not enough for one that flaps; the next, at
    #   10:41:10, is                                                                  offline   535
    #   keepalives every 60 s up to 10:59:10; it unregisters at 11:00:00               online 1,130
    # Offline from there to the 24th 02:00:00: 3 days 15 h. The server is away until 02:05:00; it
    # stays silent for its limit of 180 s, so unknown until 02:08:00. Then offline to the end:
    # 7 days 21 h 52 min.
    Fate(
        "visitor",
        WEST,
        "Acme",
        50,
        0,
        780 + 360 + 135 + 1_130,  # 2_405
        430 + 230 + 535 + (3 * 86_400 + 54_000) + (7 * 86_400 + 78_720),  # 997_915
        300 + 180,
        0,
        19 * 86_400 + 36_000,  # 1_677_600
    ),
    # 1 recorder with 100 channels, to which its catalogue makes the difference:
    # channels 1 to 10: NOTIFY says OFF on the 6th 07:00:00, ON at 19:00:00.
    Fate(
        "switched_off",
        WEST,
        "Bolt",
        10,
        0,
        2_678_400 - 43_200 - 1_260,  # 2_633_940
        43_200,
        1_260,
        0,
        0,
    ),
    # channels 11 to 30: OFF in the whole catalogue of the 13th 00:00:00, ON in that of the 14th
    # 00:00:00: the 13th, and no second of another day.
    Fate(
        "off_for_a_day",
        WEST,
        "Bolt",
        20,
        0,
        2_678_400 - 86_400 - 1_260,  # 2_590_740
        86_400,
        1_260,
        0,
        0,
    ),
    # channel 31: NOTIFY says VLOST on the 6th 09:00:00, ON at 09:30:00.
    Fate("lost_video", WEST, "Bolt", 1, 0, 2_678_400 - 1_800 - 1_260, 1_800, 1_260, 0, 0),
    # channels 32 to 99: nothing.
    Fate("beside_them", WEST, "Bolt", 68, 0, 2_678_400 - 1_260, 0, 1_260, 0, 0),
    # channel 100: left out by whole catalogues on the 15th 06:00:00, 07:00:00 and 08:00:00: offline
    # at the first, removed at the third. Well for 14 days and 6 h but for three absences
    # (360 + 120 + 360 = 840). On file no more for 16 days and 16 h.
    Fate(
        "removed_channel",
        WEST,
        "Bolt",
        1,
        0,
        14 * 86_400 + 21_600 - 840,  # 1_230_360
        7_200,
        840,
        0,
        16 * 86_400 + 57_600,  # 1_440_000
    ),
    # 2 recorders move: NOTIFY tells another CivilCode on the 11th 12:00:00, after 10 days and 12 h
    # (907,200 s), two absences (480 s) before it and three (780 s) behind.
    Fate("moved", SOUTH, "Acme", 200, 0, 907_200 - 480, 0, 480, 0, 0),
    Fate("moved", EAST, "Acme", 200, 0, 2_678_400 - 907_200 - 780, 0, 780, 0, 0),
    # 1 recorder: NOTIFY says OFF for all on the 22nd 00:00:00, tells another CivilCode at 12:00:00
    # (still OFF), says ON on the 23rd 00:00:00. 21 days and 12 h (1,857,600 s) with four absences
    # (900 s) before the move, one (360 s) behind it; half of the outage at each place.
    Fate(
        "moved_while_off",
        WEST,
        "Bolt",
        100,
        0,
        1_857_600 - 43_200 - 900,  # 1_813_500
        43_200,
        900,
        0,
        0,
    ),
    Fate(
        "moved_while_off",
        EAST,
        "Bolt",
        100,
        0,
        2_678_400 - 1_857_600 - 43_200 - 360,  # 777_240
        43_200,
        360,
        0,
        0,
    ),
    # 1 recorder unregisters on the 28th 00:00:00; at 06:00:00 an operator sets another division; it
    # registers at 12:00:00. 27 days and 6 h (2,354,400 s) with all five absences before the move.
    Fate(
        "moved_by_hand",
        SOUTH,
        "Acme",
        100,
        0,
        2_354_400 - 21_600 - 1_260,  # 2_331_540
        21_600,
        1_260,
        0,
        0,
    ),
    Fate(
        "moved_by_hand",
        EAST,
        "Acme",
        100,
        0,
        2_678_400 - 2_354_400 - 21_600,  # 302_400
        21_600,
        0,
        0,
        0,
    ),
    # 1 recorder moves by a whole catalogue on the 5th 00:00:00, and back on the 26th 00:00:00: 4
    # and 6 days (864,000 s) with the first absence at the one, 21 days (1,814,400 s) with four at
    # the other.
    Fate("there_and_back", NORTH, "Acme", 100, 0, 864_000 - 360, 0, 360, 0, 0),
    Fate("there_and_back", SOUTH, "Acme", 100, 0, 1_814_400 - 900, 0, 900, 0, 0),
    # 1 recorder that nobody knew registers on the 8th 00:00:00. 7 days on no file; four absences.
    Fate(
        "late",
        EAST,
        "Acme",
        100,
        0,
        2_678_400 - 604_800 - 900,  # 2_072_700
        0,
        900,
        0,
        7 * 86_400,  # 604_800
    ),
    # 1 recorder is taken off file on the 25th 12:00:00, 6 days and 12 h before the end.
    Fate(
        "taken_off_file",
        EAST,
        "Bolt",
        100,
        0,
        2_678_400 - 561_600 - 1_260,  # 2_115_540
        0,
        1_260,
        0,
        6 * 86_400 + 43_200,  # 561_600
    ),
    # 1 recorder unregisters on the 9th 20:00:00 and registers at 23:59:31, after the server's last
    # life mark; in that second the server is killed. Its REGISTER was answered, so it was offline
    # for 3 h 59 min 31 s; nobody saw how it went on: unknown from 23:59:31, a second less.
    Fate(
        "back_at_the_kill",
        NORTH,
        "Acme",
        100,
        0,
        2_678_400 - 14_371 - 1_259,  # 2_662_770
        4 * 3_600 - 29,
        1_259,
        0,
        0,
    ),
    # 10 cameras register on the 19th 00:00:00 for 3,600 s and send nothing: offline 10 s after that
    # ended, at 01:00:10. They register again at 06:00:00.
    Fate(
        "registration_ran_out",
        WEST,
        "Acme",
        10,
        0,
        2_678_400 - 17_990 - 1_260,  # 2_659_150
        5 * 3_600 - 10,
        1_260,
        0,
        0,
    ),
    # 5 cameras are looked at: pictures come for a moment, and prove for 3,600 s.
    #   1st 23:30:00, 2nd 00:15:00: proven until the 2nd 01:15:00, 1 h 45 min          proven 6,300
    #   6th 06:30:00; NOTIFY says OFF at 07:00:00, which ends it                       proven 1,800
    #   6th 10:00:00: what is seen is there, whatever the catalogue says                proven 3,600
    #       offline 07:00 to 10:00 and 11:00 to 12:00, when NOTIFY says ON            offline 14,400
    #   17th 10:00:00; unregisters at 10:20:00, registers at 10:40:00    proven 1,200, offline 1,200
    #       the hour is not over: until 11:00:00                                       proven 1,200
    Fate(
        "seen",
        WEST,
        "Bolt",
        5,
        6_300 + 1_800 + 3_600 + 1_200 + 1_200,  # 14_100
        2_678_400 - 14_100 - 15_600 - 1_260,  # 2_647_440
        14_400 + 1_200,  # 15_600
        1_260,
        0,
        0,
    ),
    # 4 recorders unregister on the 16th 08:00:00 and register at 20:00:00: 12 h.
    # The first has two approved exclusions, 10:00 to 18:00 and 17:00 to 19:00: 9 h together.
    Fate(
        "power_cut",
        WEST,
        "Acme",
        100,
        0,
        2_678_400 - 43_200 - 1_260,  # 2_633_940
        43_200 - 32_400,
        1_260,
        9 * 3_600,  # 32_400
        0,
    ),
    # The second's, 10:00 to 18:00, was refused; the third's was approved and withdrawn; nobody
    # decided about the fourth's. None of them counts.
    Fate("refused", WEST, "Acme", 100, 0, 2_678_400 - 43_200 - 1_260, 43_200, 1_260, 0, 0),
    Fate("withdrawn", WEST, "Bolt", 100, 0, 2_678_400 - 43_200 - 1_260, 43_200, 1_260, 0, 0),
    Fate("undecided", WEST, "Bolt", 100, 0, 2_678_400 - 43_200 - 1_260, 43_200, 1_260, 0, 0),
    # 1 recorder, maintenance approved for the 12th 19:00:00 to 21:00:00: over 6,840 s online and
    # the 360 s of the third absence. 900 s unknown are left.
    Fate(
        "maintained",
        EAST,
        "Acme",
        100,
        0,
        2_678_400 - 7_200 - 900,  # 2_670_300
        0,
        900,
        7_200,
        0,
    ),
    # 1 recorder that nobody knew registers on the 21st 12:00:00; construction approved for 10:00:00
    # to 14:00:00. What was on no file stays so: 20 days and 12 h. Excluded are 2 h. One absence.
    Fate(
        "under_construction",
        EAST,
        "Bolt",
        100,
        0,
        2_678_400 - 1_771_200 - 7_200 - 360,  # 899_640
        0,
        360,
        7_200,
        20 * 86_400 + 43_200,  # 1_771_200
    ),
    # 1 recorder is put on file on the 0th by an operator, with 10 channels and their division; it
    # never registers, so nobody tells their maker.
    Fate("never_came", WEST, "", 10, 0, 0, 0, 0, 0, 2_678_400),
)


class Sum(NamedTuple):
    """Camera-seconds by state."""

    proven_s: int
    signalled_s: int
    offline_s: int
    unknown_s: int
    excluded_s: int
    not_commissioned_s: int


BY_DIVISION_AND_MAKER = {
    # steady_north, there_and_back (its 10 days), back_at_the_kill
    (NORTH, "Acme"): Sum(
        0,
        6_000 * 2_677_140 + 100 * 863_640 + 100 * 2_662_770,
        100 * 14_371,
        6_000 * 1_260 + 100 * 360 + 100 * 1_259,
        0,
        0,
    ),
    # long_silence
    (NORTH, "Bolt"): Sum(0, 300 * 2_526_060, 300 * 129_570, 300 * 22_770, 0, 0),
    # over_the_borders, moved, moved_by_hand, there_and_back (its 21 days)
    (SOUTH, "Acme"): Sum(
        0,
        200 * 2_666_340 + 200 * 906_720 + 100 * 2_331_540 + 100 * 1_813_500,
        200 * 10_800 + 100 * 21_600,
        200 * 1_260 + 200 * 480 + 100 * 1_260 + 100 * 900,
        0,
        0,
    ),
    # steady_south, grace_passed, lost_connection
    (SOUTH, "Bolt"): Sum(
        0,
        1_000 * 2_677_140 + 100 * 2_594_700 + 100 * 2_676_570,
        100 * 39_300 + 100 * 570,
        1_000 * 1_260 + 100 * 44_400 + 100 * 1_260,
        0,
        0,
    ),
    # steady_west, visitor, registration_ran_out, power_cut, refused
    (WEST, "Acme"): Sum(
        0,
        125 * 2_677_140 + 50 * 2_405 + 10 * 2_659_150 + 200 * 2_633_940,
        50 * 997_915 + 10 * 17_990 + 100 * 10_800 + 100 * 43_200,
        125 * 1_260 + 50 * 480 + 10 * 1_260 + 200 * 1_260,
        100 * 32_400,
        50 * 1_677_600,
    ),
    # switched_off, off_for_a_day, lost_video, beside_them, removed_channel, moved_while_off, seen,
    # withdrawn, undecided
    (WEST, "Bolt"): Sum(
        5 * 14_100,
        10 * 2_633_940
        + 20 * 2_590_740
        + 2_675_340
        + 68 * 2_677_140
        + 1_230_360
        + 100 * 1_813_500
        + 5 * 2_647_440
        + 200 * 2_633_940,
        10 * 43_200 + 20 * 86_400 + 1_800 + 7_200 + 100 * 43_200 + 5 * 15_600 + 200 * 43_200,
        (10 + 20 + 1 + 68) * 1_260 + 840 + 100 * 900 + (5 + 200) * 1_260,
        0,
        1_440_000,
    ),
    (WEST, ""): Sum(0, 0, 0, 0, 0, 10 * 2_678_400),
    # steady_east, moved, moved_by_hand, late, maintained
    (EAST, "Acme"): Sum(
        0,
        600 * 2_677_140 + 200 * 1_770_420 + 100 * 302_400 + 100 * 2_072_700 + 100 * 2_670_300,
        100 * 21_600,
        600 * 1_260 + 200 * 780 + 100 * 900 + 100 * 900,
        100 * 7_200,
        100 * 604_800,
    ),
    # moved_while_off, taken_off_file, under_construction
    (EAST, "Bolt"): Sum(
        0,
        100 * 777_240 + 100 * 2_115_540 + 100 * 899_640,
        100 * 43_200,
        100 * 360 + 100 * 1_260 + 100 * 360,
        100 * 7_200,
        100 * 561_600 + 100 * 1_771_200,
    ),
}

BY_DIVISION = {
    NORTH: Sum(
        0,
        16_415_481_000 + 757_818_000,
        1_437_100 + 38_871_000,
        7_721_900 + 6_831_000,
        0,
        0,
    ),
    SOUTH: Sum(
        0,
        1_129_116_000 + 3_204_267_000,
        4_320_000 + 3_987_000,
        564_000 + 5_826_000,
        0,
        0,
    ),
    WEST: Sum(
        70_500,
        888_142_250 + 985_480_620,
        55_475_650 + 15_207_000,
        446_100 + 473_880,
        3_240_000,
        83_880_000 + 1_440_000 + 26_784_000,
    ),
    EAST: Sum(
        0,
        2_464_908_000 + 379_242_000,
        2_160_000 + 4_320_000,
        1_092_000 + 198_000,
        720_000 + 720_000,
        60_480_000 + 233_280_000,
    ),
}
"""The rows above, worked out, by division."""

BY_CITY = {
    "3402": Sum(0, 21_506_682_000, 48_615_100, 20_942_900, 0, 0),
    "3403": Sum(70_500, 4_717_772_870, 77_162_650, 2_209_980, 4_680_000, 405_864_000),
}
"""The first four digits: NORTH and SOUTH, WEST and EAST."""

ALL = Sum(70_500, 26_224_454_870, 125_777_750, 23_152_880, 4_680_000, 405_864_000)
"""Together 26,784,000,000 s: 10,000 cameras x 2,678,400 s."""

ONLINE_RATE = 26_224_525_370 / 26_350_303_120
"""(70,500 + 26,224,454,870) / (that + 125,777,750): 99.52 %."""

COVERAGE = 1 - 23_152_880 / 26_373_456_000
"""Unknown of what was to be observed: 26,350,303,120 + 23,152,880."""


BY_DAY: dict[tuple[str, str], dict[int, Sum]] = {
    # One camera's day. The absence over midnight is cut at midnight.
    ("steady_north", NORTH): {
        1: Sum(0, 86_400, 0, 0, 0, 0),
        3: Sum(0, 86_400 - 360, 0, 360, 0, 0),
        9: Sum(0, 86_400 - 30, 0, 30, 0, 0),
        10: Sum(0, 86_400 - 90, 0, 90, 0, 0),
        12: Sum(0, 86_400 - 360, 0, 360, 0, 0),
        18: Sum(0, 86_400 - 60, 0, 60, 0, 0),
        24: Sum(0, 86_400 - 360, 0, 360, 0, 0),
        31: Sum(0, 86_400, 0, 0, 0, 0),
    },
    ("long_silence", NORTH): {
        8: Sum(0, 43_200, 43_200, 0, 0, 0),
        9: Sum(0, 0, 86_400 - 30, 30, 0, 0),
        10: Sum(0, 64_800, 0, 21_600, 0, 0),
    },
    ("grace_passed", SOUTH): {
        3: Sum(0, 36_000, 6_900, 43_500, 0, 0),
        4: Sum(0, 54_000, 32_400, 0, 0, 0),
    },
    ("over_the_borders", SOUTH): {
        1: Sum(0, 79_200, 7_200, 0, 0, 0),
        31: Sum(0, 82_800, 3_600, 0, 0, 0),
    },
    ("visitor", WEST): {
        20: Sum(0, 2_405, 430 + 230 + 535 + 13 * 3_600, 0, 0, 36_000),
        22: Sum(0, 0, 86_400, 0, 0, 0),
        24: Sum(0, 0, 7_200 + 78_720, 480, 0, 0),
    },
    ("never_came", WEST): {19: Sum(0, 0, 0, 0, 0, 86_400)},
    ("off_for_a_day", WEST): {
        12: Sum(0, 86_400 - 360, 0, 360, 0, 0),
        13: Sum(0, 0, 86_400, 0, 0, 0),
        14: Sum(0, 86_400, 0, 0, 0, 0),
    },
    ("removed_channel", WEST): {15: Sum(0, 21_600, 7_200, 0, 0, 57_600)},
    ("moved", SOUTH): {11: Sum(0, 43_200, 0, 0, 0, 0)},
    ("moved", EAST): {11: Sum(0, 43_200, 0, 0, 0, 0)},
    ("moved_while_off", WEST): {22: Sum(0, 0, 43_200, 0, 0, 0)},
    ("moved_while_off", EAST): {22: Sum(0, 0, 43_200, 0, 0, 0)},
    ("there_and_back", NORTH): {4: Sum(0, 86_400, 0, 0, 0, 0), 26: Sum(0, 86_400, 0, 0, 0, 0)},
    ("there_and_back", SOUTH): {5: Sum(0, 86_400, 0, 0, 0, 0), 25: Sum(0, 86_400, 0, 0, 0, 0)},
    ("back_at_the_kill", NORTH): {
        9: Sum(0, 72_000, 14_371, 29, 0, 0),
        10: Sum(0, 86_310, 0, 90, 0, 0),
    },
    ("seen", WEST): {
        1: Sum(1_800, 84_600, 0, 0, 0, 0),
        2: Sum(4_500, 81_900, 0, 0, 0, 0),
        6: Sum(1_800 + 3_600, 86_400 - 5_400 - 14_400, 14_400, 0, 0, 0),
        17: Sum(2_400, 82_800, 1_200, 0, 0, 0),
    },
    ("power_cut", WEST): {16: Sum(0, 43_200, 10_800, 0, 32_400, 0)},
    ("refused", WEST): {16: Sum(0, 43_200, 43_200, 0, 0, 0)},
    ("maintained", EAST): {12: Sum(0, 79_200, 0, 0, 7_200, 0)},
    ("under_construction", EAST): {21: Sum(0, 36_000, 0, 0, 7_200, 43_200)},
}

SAMPLES: dict[tuple[str, str], dict[int, Sum]] = {
    # One camera's day by the old method: looked at 24 times, at each full hour of the site's clock.
    # 10:00:00 on the 3rd is the first unknown second; on the 9th no full hour is.
    ("steady_north", NORTH): {
        3: Sum(0, 23, 0, 1, 0, 0),
        9: Sum(0, 24, 0, 0, 0, 0),
        10: Sum(0, 23, 0, 1, 0, 0),
        12: Sum(0, 23, 0, 1, 0, 0),
        18: Sum(0, 23, 0, 1, 0, 0),
        24: Sum(0, 23, 0, 1, 0, 0),
    },
    # offline from 12:00 on; all day; unknown from 0 to 5
    ("long_silence", NORTH): {
        8: Sum(0, 12, 12, 0, 0, 0),
        9: Sum(0, 0, 24, 0, 0, 0),
        10: Sum(0, 18, 0, 6, 0, 0),
    },
    # unknown from 10 to 22, offline at 23; offline from 0 to 8
    ("grace_passed", SOUTH): {3: Sum(0, 10, 1, 13, 0, 0), 4: Sum(0, 15, 9, 0, 0, 0)},
    # offline at 0 and 1; at 23
    ("over_the_borders", SOUTH): {1: Sum(0, 22, 2, 0, 0, 0), 31: Sum(0, 23, 1, 0, 0, 0)},
    # it comes at 10:00:00 and goes at 11:00:00, falls in between unseen; unknown at 2
    ("visitor", WEST): {20: Sum(0, 1, 13, 0, 0, 10), 24: Sum(0, 0, 23, 1, 0, 0)},
    ("off_for_a_day", WEST): {13: Sum(0, 0, 24, 0, 0, 0), 14: Sum(0, 24, 0, 0, 0, 0)},
    # offline at 6 and 7
    ("removed_channel", WEST): {15: Sum(0, 6, 2, 0, 0, 16)},
    # proven at 0 and 1; offline at 7, 8, 9 and 11, proven at 10; proven at 10
    ("seen", WEST): {
        1: Sum(0, 24, 0, 0, 0, 0),
        2: Sum(2, 22, 0, 0, 0, 0),
        6: Sum(1, 19, 4, 0, 0, 0),
        17: Sum(1, 23, 0, 0, 0, 0),
    },
    # offline at 8, 9 and 19, excluded from 10 to 18
    ("power_cut", WEST): {16: Sum(0, 12, 3, 0, 9, 0)},
    ("refused", WEST): {16: Sum(0, 12, 12, 0, 0, 0)},
    # excluded at 19 and 20
    ("maintained", EAST): {12: Sum(0, 22, 0, 0, 2, 0)},
    # excluded at 12 and 13
    ("under_construction", EAST): {21: Sum(0, 10, 0, 0, 2, 12)},
}

OUTAGES = {
    # How often a camera went offline in the month, and the offline seconds of its longest outage.
    # What is unknown or excluded within one neither counts nor ends it.
    "steady_north": (0, 0),
    "long_silence": (1, 129_570),
    "grace_passed": (1, 39_300),
    "lost_connection": (1, 570),
    "visitor": (4, 313_200 + 683_520),
    "switched_off": (1, 43_200),
    "off_for_a_day": (1, 86_400),
    "registration_ran_out": (1, 17_990),
    "back_at_the_kill": (1, 14_371),
    "seen": (3, 10_800),
    "power_cut": (1, 7_200 + 3_600),
    "refused": (1, 43_200),
}

WORST_DEVICES = (
    # Offline seconds of all cameras of a device, the four worst: 50 x 997,915; 100 x 129,570, three
    # times.
    ("visitor", 49_895_750),
    ("long_silence", 12_957_000),
    ("long_silence", 12_957_000),
    ("long_silence", 12_957_000),
)

INTERVALS: dict[str, tuple[int, tuple[tuple[int, int, str, str], ...]]] = {
    # One camera's day, hour by hour: from, to, state, division.
    "power_cut": (
        16,
        (
            (0, 8, "online_signalled", WEST),
            (8, 10, "offline", WEST),
            (10, 19, "excluded", WEST),
            (19, 20, "offline", WEST),
            (20, 24, "online_signalled", WEST),
        ),
    ),
    "moved_while_off": (22, ((0, 12, "offline", WEST), (12, 24, "offline", EAST))),
    "under_construction": (
        21,
        ((12, 14, "excluded", EAST), (14, 24, "online_signalled", EAST)),
    ),
}
