"""Measures of what comes after school: college and work.

Each function returns SQL for (release_id, cohort, part, status, counted, met, value, contributor): one row per person
and cohort.
A cohort of leavers is named by the year in which their school year ends, one of college students by the year in which
their first autumn begins.
"""

from __future__ import annotations

from datetime import date

from linkage.release.measures.definition import Credential, Employment, Persistence, PostsecondaryEnrollment
from linkage.release.measures.school import codes

_AUTUMN = "month(begin_day) BETWEEN 8 AND 10"


def postsecondary_sql(method: PostsecondaryEnrollment, covered: date) -> str:
    """EDFacts FS160: YES, NOENROLL (linked, none), NO (not linked to any), MISSING (not yet known)."""
    return f"""
        WITH diplomas AS (
            SELECT release_id, min(exit) AS diploma, min(school_year) AS cohort FROM enrollment
            WHERE exit_type IN {codes(method.regular_diploma)} GROUP BY release_id
        ), windows AS (SELECT *, diploma + INTERVAL {method.months} MONTH AS until FROM diplomas),
        found AS (
            SELECT DISTINCT w.release_id FROM windows w JOIN college c USING (release_id)
            WHERE c.begin_day > w.diploma AND c.begin_day <= w.until
        )
        SELECT w.release_id, w.cohort, NULL AS part,
            CASE WHEN w.diploma IS NULL THEN 'MISSING' WHEN f.release_id IS NOT NULL THEN 'YES'
                WHEN w.until > DATE '{covered}' THEN 'MISSING'
                WHEN l.release_id IS NOT NULL THEN 'NOENROLL' ELSE 'NO' END AS status,
            w.until <= DATE '{covered}' AND status <> 'MISSING' AS counted,
            counted AND status = 'YES' AS met,
            NULL AS value, NULL AS contributor
        FROM windows w LEFT JOIN found f ON f.release_id = w.release_id
        LEFT JOIN college_linked l ON l.release_id = w.release_id"""


def persistence_sql(method: Persistence, covered: date) -> str:
    """Return to college (or the same one) in the second autumn, or a credential by then.

    Whoever is there in the first autumn of the data may have begun before it, and is MISSING.
    """
    same = "AND c.institution IN (SELECT unnest(f.institutions))" if method.same_institution else ""
    return f"""
        WITH firsts AS (
            SELECT release_id, min(begin_day) AS begin_day,
                list(institution) FILTER (WHERE begin_day = first_day) AS institutions
            FROM (SELECT *, min(begin_day) OVER (PARTITION BY release_id) AS first_day FROM college) GROUP BY release_id
        ), starters AS (SELECT *, year(begin_day) AS cohort FROM firsts WHERE {_AUTUMN}),
        opening AS (SELECT min(year(begin_day)) AS first_year FROM college WHERE {_AUTUMN}),
        returned AS (
            SELECT DISTINCT f.release_id FROM starters f JOIN college c USING (release_id)
            WHERE year(c.begin_day) = f.cohort + 1 AND month(c.begin_day) BETWEEN 8 AND 10 {same}
        ), attained AS (
            SELECT DISTINCT f.release_id FROM starters f JOIN college c USING (release_id)
            WHERE c.credential IS NOT NULL AND c.begin_day < make_date(f.cohort + 1, 8, 1)
        )
        SELECT f.release_id, f.cohort, NULL AS part,
            CASE WHEN f.cohort = first_year OR make_date(f.cohort + 1, 10, 31) > DATE '{covered}' THEN 'MISSING'
                WHEN r.release_id IS NOT NULL THEN 'RETURNED' WHEN a.release_id IS NOT NULL THEN 'ATTAINED'
                ELSE 'LEFT' END AS status,
            status <> 'MISSING' AS counted, status IN ('RETURNED', 'ATTAINED') AS met,
            NULL AS value, NULL AS contributor
        FROM starters f CROSS JOIN opening
        LEFT JOIN returned r ON r.release_id = f.release_id LEFT JOIN attained a ON a.release_id = f.release_id"""


def credential_sql(method: Credential, covered: date) -> str:
    """Tell who has a first credential within so many years of the first term."""
    return f"""
        WITH firsts AS (
            SELECT release_id, min(begin_day) AS begin_day,
                min(begin_day) FILTER (WHERE credential IS NOT NULL) AS earned
            FROM college GROUP BY release_id
        ), opening AS (SELECT min(year(begin_day)) AS first_year FROM college)
        SELECT release_id, year(begin_day) AS cohort, NULL AS part,
            CASE WHEN cohort = first_year OR begin_day + INTERVAL {method.within_years} YEAR > DATE '{covered}'
                    THEN 'MISSING'
                WHEN earned < begin_day + INTERVAL {method.within_years} YEAR THEN 'EARNED'
                ELSE 'NOT_EARNED' END AS status,
            status <> 'MISSING' AS counted, status = 'EARNED' AS met,
            NULL AS value, NULL AS contributor
        FROM firsts CROSS JOIN opening WHERE begin_day IS NOT NULL"""


def employment_sql(method: Employment, covered: date) -> str:
    """Tell who has wages in the n-th quarter after exit; all employers of the quarter are added up.

    An exit is the last of its kind after which the student was not enrolled again.
    """
    last = covered.year * 4 + (covered.month - 1) // 3
    complete = f"exit_quarter + {method.quarters_after_exit} <= {last}"
    return f"""
        WITH latest AS (SELECT release_id, max(entry) AS last_entry FROM enrollment GROUP BY release_id),
        exits AS (
            SELECT release_id, max(exit) AS exit, arg_max(school_year, exit) AS cohort FROM enrollment
            WHERE exit_type IN {codes(method.exits)} AND exit IS NOT NULL GROUP BY release_id
        ), leavers AS (
            SELECT e.*, year(e.exit) * 4 + quarter(e.exit) - 1 AS exit_quarter FROM exits e
            JOIN latest l USING (release_id) WHERE l.last_entry IS NULL OR l.last_entry <= e.exit
        ), paid AS (
            SELECT release_id, quarter_number, sum(earnings) AS earnings, arg_max(employer, earnings) AS employer
            FROM wages GROUP BY release_id, quarter_number
        )
        SELECT v.release_id, v.cohort, NULL AS part,
            CASE WHEN NOT ({complete}) THEN 'MISSING' WHEN p.earnings > 0 THEN 'EMPLOYED'
                WHEN l.release_id IS NOT NULL THEN 'NOT_EMPLOYED' ELSE 'NOT_LINKED' END AS status,
            status <> 'MISSING' AS counted, status = 'EMPLOYED' AS met,
            CASE WHEN status = 'EMPLOYED' THEN p.earnings END AS value, p.employer AS contributor
        FROM leavers v LEFT JOIN paid p ON p.release_id = v.release_id
            AND p.quarter_number = v.exit_quarter + {method.quarters_after_exit}
        LEFT JOIN wages_linked l ON l.release_id = v.release_id"""
