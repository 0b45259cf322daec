"""docs/asvs.md speaks of every requirement of levels 1 and 2, once, and its counts are right."""

import re
from collections import Counter

from tests.docs.pages import DOCS, ROOT, rows

PAGE = DOCS / "asvs.md"
MET, NOT_MET, DOES_NOT_APPLY = "met", "not met", "does not apply"

LEVELS = {
    "1.1": "22",
    "1.2": "1111122223",
    "1.3": "112222222223",
    "1.4": "222",
    "1.5": "123",
    "2.1": "122",
    "2.2": "112",
    "2.3": "12223",
    "2.4": "23",
    "3.1": "3",
    "3.2": "113",
    "3.3": "12223",
    "3.4": "11222233",
    "3.5": "11122333",
    "3.6": "3",
    "3.7": "22333",
    "4.1": "12233",
    "4.2": "23333",
    "4.3": "22",
    "4.4": "1222",
    "5.1": "2",
    "5.2": "112333",
    "5.3": "113",
    "5.4": "222",
    "6.1": "122",
    "6.2": "111111112222",
    "6.3": "11223333",
    "6.4": "112233",
    "6.5": "22222333",
    "6.6": "2223",
    "6.7": "33",
    "6.8": "2222",
    "7.1": "222",
    "7.2": "1111",
    "7.3": "22",
    "7.4": "11222",
    "7.5": "223",
    "7.6": "22",
    "8.1": "1233",
    "8.2": "1123",
    "8.3": "133",
    "8.4": "23",
    "9.1": "111",
    "9.2": "1222",
    "10.1": "22",
    "10.2": "223",
    "10.3": "22223",
    "10.4": "1111122222233333",
    "10.5": "22222",
    "10.6": "22",
    "10.7": "222",
    "11.1": "2233",
    "11.2": "22233",
    "11.3": "11233",
    "11.4": "1222",
    "11.5": "23",
    "11.6": "23",
    "11.7": "33",
    "12.1": "12233",
    "12.2": "11",
    "12.3": "22223",
    "13.1": "2333",
    "13.2": "222223",
    "13.3": "2233",
    "13.4": "1222233",
    "14.1": "22",
    "14.2": "12223333",
    "14.3": "122",
    "15.1": "12233",
    "15.2": "12233",
    "15.3": "1222222",
    "15.4": "3333",
    "16.1": "2",
    "16.2": "22222",
    "16.3": "2222",
    "16.4": "222",
    "16.5": "2223",
    "17.1": "23",
    "17.2": "22223333",
    "17.3": "22",
}
"""The levels of the requirements of each section of ASVS 5.0.0, in order: the second of 1.5 is 1.5.2, of level 2."""


def _asked() -> dict[str, int]:
    """Each requirement of levels 1 and 2, and its level."""
    every = {f"{section}.{n}": int(level) for section, levels in LEVELS.items() for n, level in enumerate(levels, 1)}
    return {requirement: level for requirement, level in every.items() if level <= 2}


def _told() -> list[tuple[list[str], str, str]]:
    """The rows: the requirements that one speaks of, what it says of them, and the rest of its last cell."""
    found = []
    for cells in rows(PAGE, heading="requirement"):
        assert len(cells) == 3, cells
        verdict = re.match(r"(met|not met|does not apply): (\S.*)", cells[2])
        assert verdict, f"{cells[0]}: begin with met:, not met: or does not apply:"
        found.append((re.findall(r"v5\.0\.0-(\d+\.\d+\.\d+)", cells[0]), verdict[1], verdict[2]))
    return found


def test_the_list_of_levels_is_whole() -> None:
    assert Counter("".join(LEVELS.values())) == {"1": 70, "2": 183, "3": 92}


def test_every_requirement_of_levels_1_and_2_is_told_once_and_no_other() -> None:
    told = Counter(requirement for named, _, _ in _told() for requirement in named)
    assert told == dict.fromkeys(_asked(), 1)


def test_what_is_met_names_a_file() -> None:
    for named, verdict, rest in _told():
        assert named, rest
        links = re.findall(r"\]\(([^)#\s]+)", rest)
        assert all((PAGE.parent / link).resolve().is_relative_to(ROOT) for link in links), named
        assert all((PAGE.parent / link).is_file() for link in links), named
        assert links or verdict != MET, f"{named}: name the test or file that meets it"


def test_one_row_is_one_requirement_unless_it_does_not_apply() -> None:
    assert [named for named, verdict, _ in _told() if len(named) != 1 and verdict != DOES_NOT_APPLY] == []


def test_the_counts_are_right() -> None:
    levels = _asked()
    real: Counter[tuple[str, int]] = Counter()
    for named, verdict, _ in _told():
        real.update((verdict, levels[requirement]) for requirement in named)
    table = {cells[0]: [int(number) for number in cells[1:]] for cells in rows(PAGE, heading="answer")}
    ours = {verdict: [real[verdict, 1], real[verdict, 2]] for verdict in (MET, NOT_MET, DOES_NOT_APPLY)}
    ours["together"] = [sum(counts) for counts in zip(*ours.values(), strict=True)]
    assert table == {verdict: [*counts, sum(counts)] for verdict, counts in ours.items()}
