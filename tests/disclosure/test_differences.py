"""Numbers that nobody prints and anyone can subtract."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from linkage.disclosure import DisclosureRules, Table, protect
from linkage.errors import DisclosureError

RULES = DisclosureRules()


def pupils():
    rows = [("N", "y")] * 30 + [("N", "n")] * 3 + [("S", "y")] * 40 + [("S", "n")] * 30
    return pd.DataFrame(rows, columns=["school", "disability"])


def tables(frame, **options):
    everyone = Table("all", frame, ["school"], **options)
    some = Table("some", frame, ["school"], where={"disability": ["y"]}, **options)
    return everyone, some


def test_a_table_of_some_and_one_of_all_do_not_give_the_few_others_away():
    result = protect(list(tables(pupils())), RULES)
    counts = [result[name].set_index("school")["count"]["N"] for name in ("all", "some")]
    assert "*" in counts


def test_a_later_table_of_some_that_would_give_the_few_others_away_is_refused():
    everyone, some = tables(pupils())
    first = protect(everyone, RULES, release="first")
    with pytest.raises(DisclosureError) as refused:
        protect(some, RULES, [first.record], release="second")
    message = str(refused.value)
    assert "the few persons of release 'first', table 'all', cell N, who are not in table 'some'" in message
    assert "It would be safe with" in message


def test_amounts_of_some_and_of_all_do_not_give_the_wages_of_the_few_others_away():
    frame = pupils().assign(wage=10.0)
    frame["employer"] = [f"e{number}" for number in range(len(frame))]
    # The three of N without a disability have two employers between them.
    frame.loc[(frame["school"] == "N") & (frame["disability"] == "n"), "employer"] = ["e1", "e1", "e2"]
    rules = DisclosureRules(person_threshold=0, employer_threshold=3)
    result = protect(list(tables(frame, value="wage", contributor="employer")), rules)
    assert "*" in [result[name].set_index("school")["wage"]["N"] for name in ("all", "some")]
    frame["employer"] = [f"e{number}" for number in range(len(frame))]
    result = protect(list(tables(frame, value="wage", contributor="employer")), rules)
    assert "*" not in [result[name].set_index("school")["wage"]["N"] for name in ("all", "some")]


def test_a_filter_that_leaves_out_many_costs_nothing():
    frame = pupils()
    frame = frame[~((frame["school"] == "N") & (frame["disability"] == "n"))]
    result = protect(list(tables(frame)), RULES)
    assert not any(result[name]["count"].eq("*").any() for name in ("all", "some"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(30, 250))
def test_an_attacker_of_both_tables_cannot_bound_those_whom_the_filter_leaves_out(seed, size):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "school": rng.choice(list("NSWE"), size, p=rng.dirichlet(np.ones(4))),
            "grade": rng.choice(["9", "10"], size),
            "some": rng.choice(["y", "n"], size, p=[0.85, 0.15]),
        }
    )
    made = [
        Table("all", frame, ["school", "grade"]),
        Table("some", frame, ["school", "grade"], where={"some": ["y"]}),
    ]
    result = protect(made, RULES)
    counted = frame.value_counts()
    inner, amount = counted.index.to_frame(index=False), counted.to_numpy(float)
    shown, values, cells = [], [], {}
    for table in made:
        for record in result[table.name].to_dict("records"):
            sums = np.ones(len(inner), dtype=bool)
            for column in table.by:
                sums &= (inner[column] == record[column]).to_numpy() | (record[column] == "Total")
            if table.where:
                sums &= inner["some"].eq("y").to_numpy()
            cells.setdefault((record["school"], record["grade"]), []).append(sums)
            if record["count"] != "*":
                shown.append(sums.astype(float))
                values.append(float(record["count"]))
    for both in cells.values():
        if len(both) < 2:
            continue
        target = (both[0] & ~both[1]).astype(float)
        value = target @ amount
        if 0 < value < RULES.person_threshold:
            low = linprog(target, A_eq=np.array(shown), b_eq=values, method="highs")
            high = linprog(-target, A_eq=np.array(shown), b_eq=values, method="highs")
            assert low.fun <= value - 1 + 1e-6
            assert high.status == 3 or -high.fun >= RULES.person_threshold - 1e-6
