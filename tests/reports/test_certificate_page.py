"""The certificate as a page: self-contained, in GUILD's order, and saying what the JSON says."""

import re

import numpy as np
import pandas as pd
import pytest

import linkage
from linkage.matching.described import LinkRate
from linkage.reports.certificate_html import certificate_html, precision_interval
from linkage.reports.charts import Dot, Series, dots, histogram


@pytest.fixture(scope="module")
def certificate():
    rng = np.random.default_rng(4)
    people = pd.DataFrame(
        {
            "first_name": rng.choice(["Ana", "Ben", "Carla", "Dev", "Elin"], 120),
            "last_name": [f"Name{n:03}" for n in range(120)],
            "birth_date": pd.Series(pd.date_range("1990-01-01", periods=120, freq="11D")).astype(str),
            "zip": rng.choice(["78211", "78214"], 120),
        }
    )
    return linkage.link({"college": people.head(90), "<work>": people.tail(90)}).certificate


def test_it_needs_nothing_from_elsewhere_and_escapes_names(certificate):
    page = certificate_html(certificate, "a trial").decode()
    assert not re.search(r"<script|https?://|<link|@import|src=", page)
    assert "&lt;work&gt;" in page
    assert "<work>" not in page


def test_it_goes_from_provision_to_analysis_and_shows_every_figure(certificate):
    page = certificate_html(certificate, "a trial").decode()
    order = ["1. What was provided", "2. How it was linked", "3. How good the links are", "4. What this means"]
    assert [page.index(heading) for heading in order] == sorted(page.index(heading) for heading in order)
    assert f"{certificate.persons:,}" in page
    assert certificate.spec_sha256 in page
    for identifier in certificate.identifiers:
        assert f"<b>{identifier.identifier}</b>" in page


def test_link_rates_have_a_section_of_their_own_where_there_are_any(certificate):
    assert "Who is missed" not in certificate_html(certificate, "x").decode()
    rate = LinkRate(dataset="district.enrollment", element="Race", group="White", rate="40-44%")
    page = certificate_html(certificate.model_copy(update={"link_rates": (rate,)}), "x").decode()
    assert "4. Who is missed" in page
    assert "40-44%" in page
    assert "5. What this means" in page


def test_the_interval_of_precision_is_that_of_false_links(certificate):
    after = certificate.after_clustering.model_copy(update={"links": 200, "false_links_interval": (2.0, 20.0)})
    assert precision_interval(after) == pytest.approx((0.9, 0.99))
    assert precision_interval(after.model_copy(update={"links": 0})) == (1.0, 1.0)


def test_no_share_is_given_of_links_that_are_not_there(certificate):
    nothing = {"links": 0, "estimated_precision": 1.0, "estimated_recall": 1.0, "recall_interval": (1.0, 1.0)}
    after = certificate.after_clustering.model_copy(update=nothing)
    page = certificate_html(certificate.model_copy(update={"after_clustering": after}), "x").decode()
    assert "<b>-</b><span>of them right: there are none</span>" in page
    assert "<b>-</b><span>of all true pairs found: none are expected</span>" in page
    assert "<b>1.000</b>" not in page


def test_a_dot_stands_where_its_share_is():
    """The axis runs from .8 to 1 over 480 units beginning at 250: .9 is in the middle."""
    drawn = dots([Dot("a", 0.9, 0.8, 1.0)], "title")
    assert 'cx="490.0"' in drawn
    assert 'x1="250.0" x2="730.0"' in drawn


def test_the_tallest_bar_of_a_histogram_has_the_most_pairs():
    series = (Series("linked", "for", (0, 999, 9)), Series("below", "weak", (9, 0, 0)))
    drawn = histogram(series, [0.0, 2.0, 4.0, 6.0], ((2.0, "threshold"),), (0.0, 2.0), "title")
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"><title>', drawn)]
    assert heights[1] == max(heights)
    assert heights[0] == heights[2]
    assert "999 linked" in drawn
