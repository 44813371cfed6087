"""What is not answered: each statement with the rule that it breaks, and texts that are made to hurt."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import QueryRefused
from harness.sql import analyse, parse
from harness.sql.conditions import MAX_CONDITIONS, MAX_IN_VALUES
from harness.sql.parse import MAX_CHARACTERS, MAX_DEPTH
from tests.conftest import SCHEMA

COUNT = "SELECT count(*) FROM staff"
ALLOWED_ECHO = 40


def refusal(sql: str) -> QueryRefused:
    with pytest.raises(QueryRefused) as caught:
        analyse(parse(sql), SCHEMA)
    return caught.value


REFUSED = {
    "empty": ["", " ", "\n\t", ";", ";;;", "-- nothing", "/* nothing */", " ; -- nothing\n ;"],
    "not-a-select": [
        *("INSERT INTO staff VALUES (1)", "UPDATE staff SET age = 1", "DELETE FROM staff", "TRUNCATE staff"),
        *("MERGE INTO staff USING x ON true WHEN MATCHED THEN DELETE", "CREATE TABLE x AS SELECT 1", "DROP TABLE staff"),
        *("ALTER TABLE staff ADD COLUMN x INT", "CREATE MACRO f(x) AS x", "CREATE FUNCTION f(x) AS x", "ANALYZE"),
        *("ATTACH 'x.db'", "DETACH x", "COPY staff TO 'x.csv'", "COPY (SELECT 1) TO 'x'", "EXPORT DATABASE 'x'"),
        *("IMPORT DATABASE 'x'", "INSTALL httpfs", "LOAD httpfs", "USE x", "CHECKPOINT", "VACUUM", "BEGIN", "COMMIT"),
        *("SET threads = 1", "RESET threads", "PRAGMA database_list", "PRAGMA show_tables", "CALL pragma_version()"),
        *("EXPLAIN SELECT count(*) FROM staff", "EXPLAIN ANALYZE SELECT 1", "DESCRIBE staff", "SHOW TABLES", "SHOW ALL TABLES"),
        *("SUMMARIZE staff", "SUMMARIZE SELECT 1", "PIVOT staff ON dept USING count(*)", "UNPIVOT staff ON age INTO NAME a"),
        *("PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p", "DECLARE c CURSOR FOR SELECT 1", "GRANT ALL ON staff TO x"),
        *("VALUES (1)", "TABLE staff", "FROM staff", "FROM staff SELECT count(*)", "(SELECT count(*) FROM staff)", "1", "staff"),
        *("WITH x AS (SELECT 1) SELECT count(*) FROM x", "WITH RECURSIVE x AS (SELECT 1) SELECT count(*) FROM staff"),
        *("WITH staff AS MATERIALIZED (SELECT 1) SELECT count(*) FROM staff", "CALL range(3)", "COMMENT ON TABLE staff IS 'x'"),
        *("ＳＥＬＥＣＴ count(*) FROM staff", "'SELECT count(*) FROM staff'", "\u200bSELECT 1", '"SELECT" 1', "$$SELECT 1$$"),
    ],
    "several-statements": [
        *(f"{COUNT}; {COUNT}", f"{COUNT}; DROP TABLE staff", f"{COUNT}; DROP TABLE staff; --", "SELECT 1; SELECT 2; SELECT 3"),
        *(f"{COUNT} WHERE dept = 'x'; DELETE FROM staff;", f"{COUNT} /* ; */ ; SET threads = 1", "DROP TABLE x; SELECT 1"),
    ],
    "sub-query": [
        *("SELECT count(*) FROM (SELECT * FROM staff)", "SELECT (SELECT max(salary) FROM staff) FROM staff"),
        *(f"{COUNT} WHERE age = (SELECT 1)", f"{COUNT} WHERE age IN (SELECT age FROM staff)", "SELECT count((SELECT 1)) FROM staff"),
        *(f"{COUNT} WHERE (SELECT true)", f"{COUNT} HAVING count(*) > (SELECT 1)", f"{COUNT} LIMIT (SELECT 1)"),
        *(f"{COUNT} ORDER BY (SELECT 1)", f"{COUNT} GROUP BY (SELECT 1)", f"{COUNT} WHERE age > (SELECT avg(age) FROM staff)"),
        "SELECT count(*) FROM staff, (SELECT 1) AS x",
    ],
    "no-table": ["SELECT 1", "SELECT count(*)", "SELECT version()", "SELECT 'x'", "SELECT current_date", "SELECT"],
    "other-table": [
        *("SELECT count(*) FROM users", "SELECT count(*) FROM loaded", "SELECT count(*) FROM sqlite_master"),
        *("SELECT count(*) FROM duckdb_tables", "SELECT count(*) FROM pg_class", 'SELECT count(*) FROM "staff "'),
        *("SELECT count(*) FROM 'staff.csv'", "SELECT count(*) FROM '/etc/passwd'", "SELECT count(*) FROM 'http://x/y.parquet'"),
        *('SELECT count(*) FROM "/etc/passwd"', "SELECT count(*) FROM ѕtaff", "SELECT count(*) FROM ｓtaff", "SELECT count(*) FROM frame"),
        *("SELECT count(*) FROM staff s WHERE staff.age = 1", "SELECT other.age, count(*) FROM staff GROUP BY 1", "SELECT count(x.age) FROM staff"),
    ],
    "other-source": [
        *("SELECT count(*) FROM read_csv('x.csv')", "SELECT count(*) FROM read_parquet('x')", "SELECT count(*) FROM range(9)"),
        *("SELECT count(*) FROM duckdb_settings()", "SELECT count(*) FROM read_text('/etc/passwd')", "SELECT count(*) FROM glob('*')"),
        *("SELECT count(*) FROM query('SELECT 1')", "SELECT count(*) FROM query_table('staff')", "SELECT count(*) FROM staff()"),
        *("SELECT count(*) FROM generate_series(1, 9)", "SELECT count(*) FROM pragma_table_info('staff')", "SELECT count(*) FROM (staff)"),
    ],
    "not-supported": [
        # sources
        *("SELECT count(*) FROM main.staff", "SELECT count(*) FROM memory.main.staff", "SELECT count(*) FROM information_schema.tables"),
        *("SELECT count(*) FROM staff a JOIN staff b ON a.uid = b.uid", "SELECT count(*) FROM staff, staff", f"{COUNT} CROSS JOIN staff"),
        *(f"{COUNT} NATURAL JOIN staff", f"{COUNT} LEFT JOIN staff USING (uid)", f"{COUNT} ASOF JOIN x", f"{COUNT} POSITIONAL JOIN x"),
        *("SELECT count(*) FROM staff, LATERAL (VALUES (1))", "SELECT count(*) FROM unnest([1])", f"{COUNT} TABLESAMPLE 10%"),
        *(f"{COUNT} USING SAMPLE 5", f"{COUNT} TABLESAMPLE reservoir(5 ROWS)", f"{COUNT} PIVOT (count(*) FOR dept IN ('CS'))"),
        *("SELECT count(*) FROM staff AS s(a, b)", f"{COUNT} AT (VERSION => 1)", f"{COUNT} FOR UPDATE", "SELECT count(*) FROM (VALUES (1))"),
        # beside it
        *("SELECT count(*) FROM staff UNION SELECT 1", f"{COUNT} UNION ALL {COUNT}", f"{COUNT} INTERSECT {COUNT}", f"{COUNT} EXCEPT {COUNT}"),
        *(f"{COUNT} QUALIFY true", f"{COUNT} WINDOW w AS (PARTITION BY dept)", "SELECT count(*) INTO x FROM staff"),
        # the list of columns
        *("SELECT * FROM staff", "SELECT staff.* FROM staff", "SELECT *, count(*) FROM staff", "SELECT * EXCLUDE (age) FROM staff"),
        *("SELECT COLUMNS(*) FROM staff", "SELECT DISTINCT dept FROM staff", "SELECT DISTINCT ON (dept) dept FROM staff GROUP BY dept"),
        *("SELECT dept, * FROM staff GROUP BY ALL", "SELECT count(staff.*) FROM staff", "SELECT 1 FROM staff", "SELECT 'x', count(*) FROM staff"),
        *("SELECT NULL FROM staff", "SELECT TRUE, count(*) FROM staff", "SELECT count(*) + 1 FROM staff", "SELECT sum(age) / count(*) FROM staff"),
        *("SELECT -count(*) FROM staff", "SELECT count(*) = 1 FROM staff", "SELECT sum(age) AS x, x + 1 FROM staff", "SELECT n: count(*) FROM staff"),
        *("SELECT CASE WHEN count(*) > 1 THEN 1 END FROM staff", "SELECT CAST(count(*) AS INT) FROM staff", "SELECT count(*)::INT FROM staff"),
        *("SELECT dept || 'x', count(*) FROM staff GROUP BY 1", "SELECT upper(dept), count(*) FROM staff GROUP BY 1", "SELECT [1] FROM staff"),
        *("SELECT {'a': 1} FROM staff", "SELECT MAP {'a': 1} FROM staff", "SELECT (dept, age) FROM staff", "SELECT dept[1] FROM staff"),
        *("SELECT dept.x FROM staff, staff", "SELECT list(age)[1] FROM staff", "SELECT EXISTS (FROM staff) FROM staff", "SELECT ? FROM staff"),
        *("SELECT $1 FROM staff", "SELECT $name FROM staff", "SELECT @x FROM staff", "SELECT staff FROM staff, staff"),
        *("SELECT main.staff.age, count(*) FROM staff GROUP BY 1", "SELECT now(), count(*) FROM staff", "SELECT random() FROM staff"),
        *("SELECT current_setting('threads') FROM staff", "SELECT getenv('HOME') FROM staff", "SELECT version() FROM staff"),
        *("SELECT nextval('x') FROM staff", "SELECT set_config('a', 'b') FROM staff", "SELECT ANY_VALUE(age), count(*) FROM staff"),
        # aggregates
        *("SELECT mode(age) FROM staff", "SELECT string_agg(dept) FROM staff", "SELECT arg_max(uid, age) FROM staff", "SELECT histogram(age) FROM staff"),
        *("SELECT list(age) FROM staff", "SELECT array_agg(age) FROM staff", "SELECT first(age) FROM staff", "SELECT last(age) FROM staff"),
        *("SELECT quantile(age, 0.5) FROM staff", "SELECT median(age) FROM staff", "SELECT approx_count_distinct(age) FROM staff"),
        *("SELECT approx_quantile(age, 0.5) FROM staff", "SELECT approx_top_k(age, 3) FROM staff", "SELECT min_by(uid, age) FROM staff"),
        *("SELECT stddev(age) FROM staff", "SELECT var_samp(age) FROM staff", "SELECT corr(age, salary) FROM staff", "SELECT bit_xor(uid) FROM staff"),
        *("SELECT bool_and(age) FROM staff", "SELECT product(age) FROM staff", "SELECT fsum(age) FROM staff", "SELECT count_if(age) FROM staff"),
        *("SELECT max(age, 3) FROM staff", "SELECT min(age, 3) FROM staff", "SELECT sum(age + 1) FROM staff", "SELECT sum(age, 1) FROM staff"),
        *("SELECT count(1) FROM staff", "SELECT count() FROM staff", "SELECT sum(*) FROM staff", "SELECT count(age, dept) FROM staff"),
        *("SELECT count(DISTINCT age, dept) FROM staff", "SELECT count(DISTINCT *) FROM staff", "SELECT sum(sum(age)) FROM staff"),
        *("SELECT count(*) FILTER (WHERE age > 1) FROM staff", "SELECT sum(age ORDER BY age) FROM staff", "SELECT sum(age) OVER () FROM staff"),
        *("SELECT row_number() OVER (ORDER BY age) FROM staff", "SELECT rank() OVER w FROM staff WINDOW w AS ()", "SELECT lag(age) OVER () FROM staff"),
        *("SELECT sum(CASE WHEN age > 1 THEN 1 END) FROM staff", "SELECT count(x -> x) FROM staff", "SELECT count(lambda x: x) FROM staff"),
        *("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY age) FROM staff", "SELECT main.count(age) FROM staff", "SELECT age.count() FROM staff"),
        # conditions
        *(f"{COUNT} WHERE EXISTS (FROM staff)", f"{COUNT} WHERE CASE WHEN age = 1 THEN true END", f"{COUNT} WHERE NOT NOT age = NOT true"),
        *(f"{COUNT} WHERE age = ANY (1, 2)", f"{COUNT} WHERE dept ^@ 'C'", f"{COUNT} WHERE dept GLOB 'C*'", f"{COUNT} WHERE dept SIMILAR TO 'C'"),
        *(f"{COUNT} WHERE age IS DISTINCT FROM 1", f"{COUNT} WHERE age IN staff.age[1]", f"{COUNT} WHERE age BETWEEN SYMMETRIC 3 AND 1"),
        *(f"{COUNT} WHERE dept LIKE 'x' COLLATE nocase[1]", f"{COUNT} WHERE age = $1", f"{COUNT} WHERE age = ?", f"{COUNT} WHERE dept ~ 'C'"),
        *(f"{COUNT} WHERE age = 1 XOR age = 2", f"{COUNT} WHERE age % 2 = 0", f"{COUNT} WHERE age // 2 = 1", f"{COUNT} WHERE age ** 2 = 1"),
        *(f"{COUNT} WHERE age & 1 = 1", f"{COUNT} WHERE (age, uid) IN ((1, 2)) AND age[1]", f"{COUNT} WHERE dept -> 'a'", f"{COUNT} WHERE age <=> 1"),
        *(f"{COUNT} WHERE age = {{'a': 1}}", f"{COUNT} WHERE age = 0b1[1]", f"{COUNT} WHERE row(age) = row(1)", f"{COUNT} WHERE #1 = 1"),
        # the last clauses
        *(f"{COUNT} GROUP BY ROLLUP (dept)", f"{COUNT} GROUP BY CUBE (dept)", f"{COUNT} GROUP BY GROUPING SETS ((dept), ())"),
        *(f"{COUNT} GROUP BY ()", f"{COUNT} GROUP BY (dept, age)", f"{COUNT} GROUP BY age + 1", f"{COUNT} GROUP BY upper(dept)"),
        *(f"{COUNT} GROUP BY 'dept'", f"{COUNT} GROUP BY DISTINCT dept", f"{COUNT} GROUP BY ALL, dept", f"{COUNT} GROUP BY dept[1]"),
        *(f"{COUNT} ORDER BY ALL", f"{COUNT} ORDER BY count(*) + 1", f"{COUNT} ORDER BY random()", f"{COUNT} ORDER BY 'x'"),
        *(f"{COUNT} ORDER BY count(*) USING <", f"{COUNT} LIMIT 10%", f"{COUNT} LIMIT 10 PERCENT WITH TIES[1]", f"{COUNT} FETCH FIRST 1 ROWS ONLY"),
        *(f"{COUNT} LIMIT $1", f"{COUNT} LIMIT ?", f"{COUNT} LIMIT 1 BY dept", f"{COUNT} LIMIT 2, 3", f"{COUNT} /*+ hint */ LIMIT 1 /*+ x */ ?"),
        # other ways to write a text
        *(f"{COUNT} WHERE dept = E'C\\x53'", f"{COUNT} WHERE dept = $$CS$$", f"{COUNT} WHERE dept = $x$CS$x$", f"{COUNT} WHERE dept = U&'CS'"),
        *(f"{COUNT} WHERE dept = N'CS'", f"{COUNT} WHERE dept = 'C' || 'S'", f"{COUNT} WHERE {{{{ age }}}} = 1", f"{COUNT} |> WHERE age = 1"),
    ],
    "limit-number": [
        *(f"{COUNT} LIMIT 1 + 1", f"{COUNT} LIMIT (1)", f"{COUNT} LIMIT 1.0", f"{COUNT} LIMIT 1e1", f"{COUNT} LIMIT '1'", f"{COUNT} LIMIT -1"),
        *(f"{COUNT} LIMIT NULL", f"{COUNT} LIMIT ALL", f"{COUNT} LIMIT age", f"{COUNT} LIMIT length('x')", f"{COUNT} LIMIT TRUE"),
    ],
    "offset-number": [f"{COUNT} OFFSET 1 + 1", f"{COUNT} LIMIT 1 OFFSET -1", f"{COUNT} OFFSET '1'", f"{COUNT} OFFSET age", f"{COUNT} OFFSET 1.5"],
    "position": [
        *(f"{COUNT} ORDER BY 2", f"{COUNT} ORDER BY 0", f"{COUNT} GROUP BY 7", f"{COUNT} ORDER BY 1.5", f"{COUNT} ORDER BY 1e0"),
        *(f"{COUNT} GROUP BY 99999999999999999999", f"{COUNT} ORDER BY 0000000010", f"{COUNT} ORDER BY 000000001{'0' * 5000}"),
    ],
    "unknown-column": [
        *("SELECT count(nothing) FROM staff", 'SELECT count("#row") FROM staff', 'SELECT "#uid_hash", count(*) FROM staff GROUP BY 1'),
        *("SELECT rowid, count(*) FROM staff GROUP BY 1", f"{COUNT} WHERE rowid = 1", f'{COUNT} WHERE "#row" < 5', f'{COUNT} WHERE staff."#uid_hash" = 1'),
        *(f'{COUNT} GROUP BY "#row"', f'{COUNT} ORDER BY "#row"', f'{COUNT} HAVING min("#row") > 1', 'SELECT min("#UID_HASH") FROM staff'),
        *("SELECT count(аge) FROM staff", 'SELECT count("age ") FROM staff', "SELECT count(agе) FROM staff", 'SELECT count("a\u200bge") FROM staff'),
        *("SELECT current_user, count(*) FROM staff GROUP BY 1", f"{COUNT} WHERE current_date = 1", "SELECT staff, count(*) FROM staff GROUP BY 1"),
        *("SELECT user, count(*) FROM staff GROUP BY ALL", f"{COUNT} AS n WHERE count = 1", "SELECT count(*) AS n FROM staff WHERE n > 1"),
        *("SELECT session_user FROM staff", "SELECT count(interval) FROM staff", "SELECT tableoid, count(*) FROM staff GROUP BY 1", f"{COUNT} WHERE k0 = 1"),
        'SELECT count("") FROM staff',
    ],
    "no-aggregate": ["SELECT dept FROM staff", "SELECT dept, age FROM staff WHERE age = 1", "SELECT FROM staff", "SELECT FROM staff GROUP BY dept"],
    "not-grouped": [
        *("SELECT dept, count(*) FROM staff", "SELECT dept, age FROM staff GROUP BY dept", f"{COUNT} HAVING age > 1", f"{COUNT} ORDER BY dept"),
        *(f"{COUNT} GROUP BY dept ORDER BY age", f"{COUNT} GROUP BY dept HAVING gender = 'F'"),
    ],
    "group-by-aggregate": [f"{COUNT} GROUP BY 1", f"{COUNT} GROUP BY count(*)", "SELECT count(*) AS n FROM staff GROUP BY n"],
    "ambiguous-name": ["SELECT dept AS x, count(*) AS x FROM staff GROUP BY dept ORDER BY x", "SELECT dept AS x, age AS X FROM staff GROUP BY x"],
    "aggregate-in-where": [f"{COUNT} WHERE count(*) > 1", f"{COUNT} WHERE sum(age) = 1", f"{COUNT} WHERE age > max(age) OR max(age) > 1"],
    "aggregate-type": ["SELECT sum(dept) FROM staff", "SELECT avg(gender) FROM staff", "SELECT min(dept) FROM staff", "SELECT max(DISTINCT dept) FROM staff"],
    "condition": [
        *(f"{COUNT} WHERE 1 = 1", f"{COUNT} WHERE true", f"{COUNT} WHERE 1", f"{COUNT} WHERE NULL", f"{COUNT} WHERE age", f"{COUNT} WHERE 'x' = 'x'"),
        *(f"{COUNT} WHERE age + 1 = 2", f"{COUNT} WHERE abs(age) = 1", f"{COUNT} WHERE age = 1 = true", f"{COUNT} WHERE -age = 1"),
        *(f"{COUNT} WHERE age IS TRUE", f"{COUNT} WHERE age IS 1", f"{COUNT} WHERE (age, uid) = (1, 2)", f"{COUNT} WHERE age::TIMESTAMP = 1"),
        *(f"{COUNT} WHERE lower(dept) LIKE 'c'", f"{COUNT} WHERE 5 BETWEEN age AND uid", f"{COUNT} WHERE 5 IN (age)", f"{COUNT} WHERE 'a' LIKE dept"),
        *(f"{COUNT} WHERE regexp_matches(dept, 'C')", f"{COUNT} WHERE contains(dept, 'C')", f"{COUNT} WHERE dept.contains('C')", f"{COUNT} WHERE getenv('HOME') = 'x'"),
        *(f"{COUNT} WHERE current_setting('threads') = '1'", f"{COUNT} HAVING 1 < 2", f"{COUNT} HAVING sum(age) + 1 > 2", f"{COUNT} WHERE (SELECT) = 1"[:0] or f"{COUNT} WHERE COALESCE(age, 1) = 1"),
    ],
    "not-a-constant": [
        *(f"{COUNT} WHERE age = 1 + 1", f"{COUNT} WHERE age = abs(1)", f"{COUNT} WHERE age = -(1)", f"{COUNT} WHERE age = now()", f"{COUNT} WHERE age = -uid"),
        *(f"{COUNT} WHERE age IN (1, uid)", f"{COUNT} WHERE age BETWEEN 1 AND uid", f"{COUNT} WHERE dept LIKE gender", f"{COUNT} WHERE dept = 'a' 'b'"),
        *(f"{COUNT} WHERE age = CAST('1' AS DATE) + 1", f"{COUNT} WHERE age = '1'::TIMESTAMP::DATE", f"{COUNT} WHERE age IN ((1, 2))"),
    ],
    "null-comparison": [f"{COUNT} WHERE age = NULL", f"{COUNT} WHERE NULL <> dept", f"{COUNT} WHERE age NOT IN (1, NULL)", f"{COUNT} HAVING count(*) = NULL"],
    "type-mismatch": [
        *(f"{COUNT} WHERE age = 'x'", f"{COUNT} WHERE age = dept", f"{COUNT} WHERE age LIKE '1%'", f"{COUNT} WHERE age = TRUE", f"{COUNT} HAVING count(*) > 'many'"),
        *(f"{COUNT} WHERE age < 1e30", f"{COUNT} GROUP BY dept HAVING dept = count(*)"),
    ],
    "in-list": [f"{COUNT} WHERE age IN ()", f"{COUNT} WHERE age IN ({', '.join(map(str, range(MAX_IN_VALUES + 1)))})"],
    "like-pattern": [f"{COUNT} WHERE dept LIKE 'a!' ESCAPE '!'", f"{COUNT} WHERE dept LIKE 'a' ESCAPE 'ab'", f"{COUNT} WHERE dept ILIKE 'a' ESCAPE 'a'"],
    "too-many-columns": ["SELECT " + ", ".join(["count(*)"] * 65) + " FROM staff"],
    "too-many-conditions": [f"{COUNT} WHERE " + " OR ".join(["age = 1"] * (MAX_CONDITIONS + 1)), f"{COUNT} WHERE " + " AND ".join(["age = 1"] * 20_000)],
    "syntax": [
        *("SELECT count(* FROM staff", "SELECT count(*) FROM", f"{COUNT} WHERE", f"{COUNT} WHERE age =", f"{COUNT} WHERE age = 1 AND", f"{COUNT} GROUP BY"),
        *("SELECT count(*), FROM staff", f"{COUNT} LIMIT", f"{COUNT} WHERE age = 'open", f"{COUNT} WHERE \"open = 1", f"{COUNT} /* open", f"{COUNT})"),
        *(f"{COUNT} WHERE age = 1)) OR ((1 = 1", f"{COUNT} LIMIT 1 LIMIT 2 x", f"{COUNT} WHERE age = 0x10", f"{COUNT} WHERE age NOT 1"[:0] or f"{COUNT} WHERE age 1"),
        *(f"{COUNT}\x00", f"{COUNT} WHERE dept = '\x00'", f"{COUNT}\x1b[31m", f"{COUNT} WHERE dept = '\ud800'", f"{COUNT}\x0bWHERE age = 1", f"{COUNT}\x7f"),
        *("SELECT TOP 1 count(*) FROM staff", f"{COUNT} PREWHERE age = 1", f"{COUNT} ORDER BY 1 COLLATE nocase", f"{COUNT} WHERE dept = X'61'"),
        *("SELECT , FROM staff", "SELECT count(*) WHERE age = 1 FROM staff", "SELECT count(*) FROM staff staff staff", "SELECT SELECT"[:6] + " count(*) FROM FROM"[:14] + " ,"),
    ],
    "too-long": ["SELECT " + " " * MAX_CHARACTERS, "x" * 1_000_000, "(" * 300_000],
    "too-deep": [f"{COUNT} WHERE " + "(" * 33 + "age = 1" + ")" * 33, f"{COUNT} WHERE " + "NOT " * 33 + "age = 1", f"{COUNT} WHERE age = " + "- " * 33 + "1"],
}  # fmt: skip
CASES = [(sql, rule) for rule, sqls in REFUSED.items() for sql in sqls]


def test_there_are_many_cases():
    assert len(CASES) > 350
    assert len({sql for sql, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("sql", "rule"), CASES, ids=lambda text: text[:60])
def test_a_statement_is_refused_by_its_rule(sql: str, rule: str):
    error = refusal(sql)
    assert (error.rule, error.message) == (rule, error.message)
    assert error.message.endswith(".")
    assert error.message[0].isupper() or error.message[0].islower() or error.message[0] == "'"
    assert "\n" not in error.message
    for word in ("DuckDB", "Binder", "Catalog", "Parser Error", "sqlglot", "LINE ", "Expr", "Token"):
        assert word.lower() not in error.message.lower()
