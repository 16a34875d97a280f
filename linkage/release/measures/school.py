"""Measures of school: graduation, attendance, growth, readiness, promotion.

Each function returns SQL for (release_id, cohort, part, status, counted, met, value, contributor): one row per person
and cohort.
"""

from __future__ import annotations

from linkage.release.coarsen import literal
from linkage.release.measures.definition import (
    ChronicAbsence,
    GraduationRate,
    Growth,
    NinthGradeOnTrack,
    ReadinessToReading,
)


def codes(values: tuple[str, ...]) -> str:
    """Write a list of codes as SQL."""
    return f"({', '.join(map(literal, values))})"


def graduation_sql(method: GraduationRate) -> str:
    """Compute the adjusted cohort graduation rate.

    - The cohort is named by its on-time graduating year: the earliest that any provider reports (who repeats a grade
      keeps the cohort), else the year that follows from grade and year of the first high school record.
    - A regular diploma by the deadline is an event: it counts wherever and whatever came before it.
    - Removed is who, by the deadline, was last recorded as confirmed gone. Providers that end a student's record on
      the same day and disagree confirm nothing: the student stays counted.
    - A cohort that the data do not show from its first year to the deadline is MISSING: rates of those who happen to
      be seen late are too high.
    """
    first, last = int(method.first_grade), int(method.last_grade)
    month, day = (int(part) for part in method.school_year_ends.split("-"))
    extra = method.years - 4
    return f"""
        WITH high AS (
            SELECT e.*, coalesce(e.exit, make_date(e.school_year, {month}, {day})) AS ends FROM enrollment e
            WHERE e.grade_number BETWEEN {first} AND {last}
        ), cohorts AS (
            SELECT release_id, coalesce(min(cohort_year), arg_min(school_year + {last} - grade_number, school_year))
            AS cohort FROM high GROUP BY release_id
        ), inside AS (
            SELECT h.*, c.cohort, max(h.ends) OVER (PARTITION BY h.release_id) AS last_end FROM high h
            JOIN cohorts c USING (release_id)
            WHERE coalesce(h.entry, make_date(h.school_year - 1, 9, 1))
                <= make_date(c.cohort + {extra}, {month}, {day})
        ), fates AS (
            SELECT release_id, cohort,
                bool_or(exit_type IN {codes(method.regular_diploma)}
                    AND ends <= make_date(cohort + {extra}, {month}, {day})) AS graduated,
                bool_and(coalesce(exit_type IN {codes(method.removed)}, FALSE))
                    FILTER (WHERE ends = last_end) AS removed
            FROM inside GROUP BY release_id, cohort
        ), seen AS (SELECT min(school_year) AS first_year, max(school_year) AS last_year FROM enrollment)
        SELECT release_id, cohort, NULL AS part,
            CASE WHEN cohort - {last - first} < first_year OR cohort + {extra} > last_year THEN 'MISSING'
                WHEN coalesce(graduated, FALSE) THEN 'GRADUATED' WHEN removed THEN 'REMOVED'
                ELSE 'NOT_GRADUATED' END AS status,
            status IN ('GRADUATED', 'NOT_GRADUATED') AS counted, status = 'GRADUATED' AS met,
            NULL AS value, NULL AS contributor
        FROM fates, seen"""


def chronic_absence_sql(method: ChronicAbsence) -> str:
    """Chronic absence by school year, over all schools that a student was enrolled in."""
    return f"""
        WITH years AS (
            SELECT release_id, school_year, sum(days_enrolled) AS enrolled, sum(days_absent) AS absent,
                bool_or(days_enrolled IS NULL OR days_absent IS NULL) AS unknown
            FROM enrollment GROUP BY release_id, school_year
        )
        SELECT release_id, school_year AS cohort, NULL AS part,
            CASE WHEN unknown THEN 'MISSING' WHEN enrolled < {method.fewest_days} OR enrolled = 0 THEN 'TOO_SHORT'
                WHEN absent / enrolled >= {method.share!r} THEN 'CHRONIC' ELSE 'NOT_CHRONIC' END AS status,
            status IN ('CHRONIC', 'NOT_CHRONIC') AS counted, status = 'CHRONIC' AS met,
            CASE WHEN counted THEN absent / enrolled END AS value, NULL AS contributor
        FROM years"""


def growth_sql(method: Growth) -> str:
    """Growth of the same students; two scores of one year that differ are a conflict, not a choice."""
    return f"""
        WITH tests AS (
            SELECT release_id, school_year, min(grade_number) AS grade, min({method.score}) AS score,
                min({method.score}) <> max({method.score}) OR min(grade_number) <> max(grade_number) AS conflict
            FROM scores WHERE {method.score} IS NOT NULL GROUP BY release_id, school_year
        )
        SELECT now.release_id, now.school_year AS cohort, NULL AS part,
            CASE WHEN earlier.score IS NULL THEN 'NO_EARLIER_SCORE'
                WHEN now.conflict OR earlier.conflict THEN 'CONFLICT'
                WHEN now.grade = earlier.grade THEN 'REPEATED_GRADE'
                WHEN now.grade <> earlier.grade + 1 THEN 'OTHER_GRADE' ELSE 'MEASURED' END AS status,
            status = 'MEASURED' AS counted, status = 'MEASURED' AND now.score > earlier.score AS met,
            CASE WHEN status = 'MEASURED' THEN now.score - earlier.score END AS value, NULL AS contributor
        FROM tests now LEFT JOIN tests earlier
            ON earlier.release_id = now.release_id AND earlier.school_year = now.school_year - 1"""


def readiness_sql(method: ReadinessToReading) -> str:
    """Third-grade reading by readiness (``part``); the cohort is the year of the last assessment."""
    third = int(method.grade)
    return f"""
        WITH assessed AS (
            SELECT release_id, year AS cohort, min(score) AS score, min(score) <> max(score) AS conflict
            FROM readiness WHERE score IS NOT NULL GROUP BY release_id, year
            QUALIFY year = max(year) OVER (PARTITION BY release_id)
        ), tests AS (
            SELECT release_id, school_year, min(reading_level) AS level,
                min(reading_level) <> max(reading_level) AS conflict
            FROM scores WHERE grade_number = {third} AND reading_level IS NOT NULL GROUP BY release_id, school_year
        ), firsts AS (
            SELECT a.release_id, min(t.school_year) AS school_year FROM assessed a JOIN tests t USING (release_id)
            WHERE t.school_year BETWEEN a.cohort + 1 AND a.cohort + {method.within_years} GROUP BY a.release_id
        ), latest AS (SELECT max(school_year) AS last_year FROM scores)
        SELECT a.release_id, a.cohort,
            CASE WHEN a.score >= {method.ready_at!r} THEN 'ready' ELSE 'not ready' END AS part,
            CASE WHEN a.conflict OR t.conflict THEN 'CONFLICT'
                WHEN t.level >= {method.proficient_at} THEN 'PROFICIENT' WHEN t.level IS NOT NULL THEN 'NOT_PROFICIENT'
                WHEN a.cohort + 1 + {third} > last_year THEN 'MISSING'
                WHEN l.release_id IS NULL THEN 'NOT_LINKED' ELSE 'NO_TEST' END AS status,
            status IN ('PROFICIENT', 'NOT_PROFICIENT') AS counted, status = 'PROFICIENT' AS met,
            NULL AS value, NULL AS contributor
        FROM assessed a CROSS JOIN latest
        LEFT JOIN firsts f ON f.release_id = a.release_id
        LEFT JOIN tests t ON t.release_id = f.release_id AND t.school_year = f.school_year
        LEFT JOIN scores_linked l ON l.release_id = a.release_id"""


def on_track_sql(method: NinthGradeOnTrack) -> str:
    """Promotion of first-time ninth graders; of the first year in the data nobody knows who is there a second time."""
    grade = int(method.grade)
    return f"""
        WITH seen AS (SELECT min(school_year) AS first_year, max(school_year) AS last_year FROM enrollment),
        ninth AS (
            SELECT release_id, min(school_year) AS cohort FROM school_years WHERE grade_number = {grade}
            GROUP BY release_id
        ), before AS (
            SELECT DISTINCT n.release_id FROM ninth n JOIN school_years s USING (release_id)
            WHERE s.school_year < n.cohort
        ), gone AS (
            SELECT n.release_id, bool_and(coalesce(e.exit_type IN {codes(method.removed)}, FALSE)) AS removed
            FROM ninth n JOIN enrollment e ON e.release_id = n.release_id AND e.school_year = n.cohort
            GROUP BY n.release_id
        )
        SELECT n.release_id, n.cohort, NULL AS part,
            CASE WHEN n.cohort + 1 > last_year OR (n.cohort = first_year AND b.release_id IS NULL) THEN 'MISSING'
                WHEN s.conflict AND s.grade_number IS NULL THEN 'CONFLICT'
                WHEN s.grade_number > {grade} THEN 'ON_TRACK' WHEN s.grade_number IS NOT NULL THEN 'RETAINED'
                WHEN g.removed THEN 'REMOVED' ELSE 'LEFT' END AS status,
            status IN ('ON_TRACK', 'RETAINED', 'LEFT') AS counted, status = 'ON_TRACK' AS met,
            NULL AS value, NULL AS contributor
        FROM ninth n CROSS JOIN seen
        LEFT JOIN school_years s ON s.release_id = n.release_id AND s.school_year = n.cohort + 1
        LEFT JOIN gone g ON g.release_id = n.release_id LEFT JOIN before b ON b.release_id = n.release_id"""
