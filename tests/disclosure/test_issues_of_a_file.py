import pandas as pd
import pytest

from linkage.disclosure.issues import refuse_small_difference
from linkage.errors import DisclosureError


def test_issues_that_differ_by_a_few_persons_are_refused():
    people = pd.Series(range(50))
    refuse_small_difference(people, people, 5)
    refuse_small_difference(people, people.iloc[:40], 5)
    with pytest.raises(DisclosureError, match="earlier issue holds 3 persons"):
        refuse_small_difference(people, people.iloc[:47], 5)
