"""Published instances: results known from other tools and the handbook, reproduced or bettered."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from linkage.disclosure import DisclosureRules, Dominance, Table, protect
from linkage.disclosure.attack import Attack
from linkage.disclosure.primary import primary_needs

DATA = Path(__file__).parent / "data"


def d2():
    frame = pd.read_csv(DATA / "ssb_d2.inner.csv")
    return Table("d2", frame, ["region", "main_income"], levels={"region": ("county", "k_group")}, count="freq")


def d3():
    frame = pd.read_csv(DATA / "ssb_d3.inner.csv")
    levels = {"region": ("county", "k_group"), "months": ("months2",)}
    return Table("d3", frame, ["region", "main_income", "months"], levels=levels, count="freq")


def hidden(result, name):
    """Number of published cells hidden, and of distinct ones."""
    return int(result[name]["count"].eq("*").sum()), result.certificate.systems[0].hidden_cells


def statuses(result, name):
    counts = dict(result.explanation)[name]["status"].value_counts()
    return int(counts.get("primary", 0)), int(counts.get("complementary", 0))


@pytest.mark.parametrize(
    ("protection", "threshold", "zeros", "cells", "distinct"),
    [
        ("interval", 10, "publish", 45, 45),
        ("exact", 10, "publish", 41, 41),
        ("interval", 10, "sensitive", 45, 45),
        ("exact", 10, "sensitive", 41, 41),  # GaussSuppression 45 published, 41 distinct
        ("exact", 4, "sensitive", 31, 29),  # the proven optimum is 28 distinct
    ],
)
def test_d2_hides_no_more_than_is_known(protection, threshold, zeros, cells, distinct):
    rules = DisclosureRules(person_threshold=threshold, protection=protection, zero_policy=zeros)
    found = hidden(protect(d2(), rules), "d2")
    assert found[0] <= cells
    assert found[1] <= distinct


def test_z1_reaches_the_optimum():
    frame = pd.read_csv(DATA / "ssb_z1.inner.csv")
    result = protect(Table("z1", frame, ["region", "hovedint"], count="ant"), DisclosureRules(person_threshold=4))
    assert len(result["z1"]) == 45
    assert hidden(result, "z1") == (6, 6)


@pytest.mark.parametrize(
    ("name", "by", "count", "threshold", "cells", "primary", "most"),
    [
        ("d1", ["region", "main_income"], "freq", 4, 45, 3, 6),
        ("mun_accidents", ["mun", "inj"], None, 3, 35, 24, 24),  # the published run counts the rows of the file
    ],
)
def test_smaller_instances_hide_what_gauss_suppression_hides(name, by, count, threshold, cells, primary, most):
    frame = pd.read_csv(DATA / f"ssb_{name}.inner.csv")
    rules = DisclosureRules(person_threshold=threshold, protection="exact")
    result = protect(Table(name, frame, by, count=count), rules)
    assert len(result[name]) == cells
    assert statuses(result, name)[0] == primary
    assert hidden(result, name)[0] <= most


@pytest.mark.slow
@pytest.mark.parametrize(("protection", "most"), [("interval", 690), ("exact", 650)])
def test_d3_hides_no_more_than_is_known(protection, most):
    result = protect(d3(), DisclosureRules(person_threshold=10, protection=protection))
    assert len(result["d3"]) == 1350
    assert hidden(result, "d3")[1] <= most


@pytest.mark.parametrize(
    ("rules", "by_company", "primary", "most"),
    [
        ({"employer_threshold": 2}, True, 2, 7),
        ({"employer_threshold": 0, "dominance": Dominance(n=1, k=80)}, False, 4, 9),
    ],
)
def test_magnitude1_as_published_with_insiders_kept_out(rules, by_company, primary, most):
    frame = pd.read_csv(DATA / "ssb_magnitude1.inner.csv")
    table = Table("m", frame, ["sector4", "geo"], value="value", contributor="company" if by_company else None)
    result = protect(table, DisclosureRules(person_threshold=0, **rules))
    found = statuses(result, "m")
    assert found[0] == primary
    assert sum(found) <= most


def attacked(table, frame, by, cell, shown):
    """The attacker's bounds on ``cell`` of a published ``table`` of which the rows ``shown`` are printed."""
    codes = frame[by].to_numpy()
    match = [
        np.logical_and.reduce([(codes[:, at] == code) | (code == "Total") for at, code in enumerate(row)])
        for row in table[by].to_numpy()
    ]
    matrix = sparse.csr_matrix(np.array(match, dtype=float))
    true = matrix @ frame["n"].to_numpy(float)
    target = np.flatnonzero((table[by].to_numpy() == np.array(cell, dtype=object)).all(axis=1))
    return Attack(matrix[np.flatnonzero(shown)], true[shown], matrix[target]).interval(0)


def test_four_by_four_with_two_hidden_in_every_line_still_gives_a_cell_back_until_one_more_is_hidden():
    instance = json.loads((DATA / "sdctable_wb_4x4.json").read_text())
    known = instance["known"]
    rows = [{"row": r, "col": c, "n": n} for r, line in instance["inner"].items() for c, n in line.items()]
    frame = pd.DataFrame(rows)
    by = ["row", "col"]
    asked = [{"row": r, "col": c} for r, c in instance["primary"]]
    rules = DisclosureRules(person_threshold=0, protection="exact")
    result = protect(Table("wb", frame, by, count="n", must_hide=asked), rules)
    assert statuses(result, "wb") == (9, known["sdcTable_SIMPLEHEURISTIC_secondary"])
    table = result["wb"]
    wanted = np.array([{"row": r, "col": c} in asked for r, c in table[by].to_numpy()])
    assert attacked(table, frame, by, ["w", "b"], ~wanted) == pytest.approx((47, 47))
    assert attacked(table, frame, by, ["w", "b"], table["count"].ne("*").to_numpy()) == pytest.approx((0, 78))
    assert known["attack_bounds_wb_after"] == [0, 78]
    # The published comment names (x, b); the published interval is that of (x, d), the cell found here.
    other = wanted | ((table["row"] == "x") & (table["col"] == "b")).to_numpy()
    assert attacked(table, frame, by, ["w", "b"], ~other) == pytest.approx((0, 141))


def test_two_groupings_of_regions_are_safe_alone_and_need_one_cell_together():
    instance = json.loads((DATA / "sdctable_linked_regions.json").read_text())
    frame = pd.DataFrame(instance["inner"])
    rules = DisclosureRules(person_threshold=4, protection="exact")
    county = Table("county", frame, ["region"], levels={"region": ("county",)}, count="n")
    group = Table("group", frame, ["region"], levels={"region": ("group",)}, count="n")
    alone = {table.name: protect(table, rules) for table in (county, group)}
    assert statuses(alone["county"], "county") == (5, 0)
    assert statuses(alone["group"], "group") == (5, 0)
    together = []
    for name, level in (("county", "county"), ("group", "group")):
        shown = alone[name][name].set_index(["region", "region_level"])["count"]
        together.append({code: n for (code, at), n in shown.items() if at == level and n != "*"})
    assert together[1]["small"] - together[0]["county-1"] - 7 == 3, "K, from what each prints alone"
    both = protect([county, group], rules)
    assert statuses(both, "county") == (5, 1)
    explained = dict(both.explanation)["county"]
    assert explained.loc[explained["status"] == "complementary", "region"].tolist() == ["N"]


def test_geurts_interval():
    instance = json.loads((DATA / "handbook_geurts_3x2.json").read_text())
    table = np.array([[np.nan if cell is None else cell for cell in row] for row in instance["table"]], dtype=float)
    rows, values = [], []
    for i in range(4):
        for j in range(3):
            if not np.isnan(table[i, j]):
                cell = np.zeros((3, 2))
                cell[slice(None) if i == 3 else i, slice(None) if j == 2 else j] = 1
                rows.append(cell.ravel())
                values.append(table[i, j])
    target = np.zeros((1, 6))
    target[0, 0] = 1
    attack = Attack(sparse.csr_matrix(np.array(rows)), np.array(values), sparse.csr_matrix(target))
    assert attack.interval(0) == pytest.approx(tuple(instance["known"]["x11_interval"]))


def test_dominance_protection_is_the_handbooks():
    instance = json.loads((DATA / "handbook_dominance_cell.json").read_text())
    frame = pd.DataFrame({"cell": ["a"] * 3, "x": instance["contributions"]})
    table = Table("t", frame, ["cell"], value="x")
    rules = DisclosureRules(person_threshold=0, dominance=Dominance(n=1, k=85))
    cells = pd.DataFrame({"cell": ["a"]})
    needs = primary_needs(table, rules, ["cell"], cells, np.array([330.0]), np.zeros(1, dtype=bool))
    assert needs.reason.tolist() == ["dominance"]
    assert 330 + needs.up[0] == pytest.approx(instance["known"]["safe_upper_bound"], abs=0.01)


def test_tau_argus_act_size_has_its_primary_cells_and_no_more_complementary_ones():
    instance = json.loads((DATA / "tauargus_act_size_3x2.json").read_text())
    rows = []
    for cell in instance["cells"]:
        if "Total" in (cell["ACTIVITY"], cell["SIZE"]):
            continue
        rest = (cell["VAL"] - cell["MAX"]) / (cell["N_OBS"] - 1)
        amounts = [cell["MAX"], *[rest] * (cell["N_OBS"] - 1)]
        rows += [{"activity": cell["ACTIVITY"], "size": cell["SIZE"], "x": amount} for amount in amounts]
    rules = DisclosureRules(person_threshold=3, amount_range=10, dominance=Dominance(n=1, k=85))
    result = protect(Table("act", pd.DataFrame(rows), ["activity", "size"], value="x"), rules)
    assert statuses(result, "act") == (2, 2)
    explained = dict(result.explanation)["act"].set_index(["activity", "size"])["status"]
    words = {"A": "primary", "B": "primary", "D": "complementary", "V": "published"}
    for cell in instance["cells"]:
        assert explained[cell["ACTIVITY"], cell["SIZE"]] == words[cell["Status"]]
