-- Queries that group by the uid inside: one row a user.

--- aggregates of users are columns
SELECT n, count(*) FROM (SELECT uid, count(*) AS n FROM staff WHERE age > 3 GROUP BY uid) x GROUP BY n;
=>
SELECT "#user count(*)" AS "k0", COUNT(*) AS "a0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", COUNT(*) AS "#user count(*)" FROM "staff" WHERE "age" > CAST('3' AS BIGINT) GROUP BY "uid") AS users GROUP BY 1 ORDER BY 1;

--- conditions on rows stay inside, on what users have go outside
SELECT sum(top) FROM (SELECT uid, max(pay) AS top FROM staff WHERE dept = 'CS' GROUP BY uid HAVING count(*) = 1) x WHERE top < 100;
=>
SELECT SUM("#user max(pay)") AS "a0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", CASE WHEN ISFINITE(MAX("pay")) THEN MAX("pay") END AS "#user max(pay)", COUNT(*) AS "#user count(*)" FROM "staff" WHERE "dept" = 'CS' GROUP BY "uid") AS users WHERE "#user count(*)" = CAST('1' AS BIGINT) AND "#user max(pay)" < CAST('100.0' AS DOUBLE);

--- an expression over aggregates
SELECT count(*) FROM (SELECT uid, max(age) - min(age) AS spread FROM staff GROUP BY uid) x WHERE spread = 0;
=>
SELECT COUNT(*) AS "a0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", MAX("age") AS "#user max(age)", MIN("age") AS "#user min(age)" FROM "staff" GROUP BY "uid") AS users WHERE TRY(("#user max(age)") - ("#user min(age)")) = CAST('0' AS BIGINT);

--- dates, averages and different values of a user
SELECT min(first), avg(a), count(d) FROM (SELECT uid, min(hired) AS first, avg(pay) AS a, count(DISTINCT dept) AS d FROM staff WHERE pay < 1e9 GROUP BY uid) x;
=>
SELECT MIN(EPOCH_US(CAST("#user min(hired)" AS TIMESTAMP))) AS "a0", AVG("#user avg(pay)") AS "a1", COUNT("#user count(DISTINCT dept)") AS "a2" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", CAST(MIN("hired") AS DATE) AS "#user min(hired)", CASE WHEN ISFINITE(AVG("pay")) THEN AVG("pay") END AS "#user avg(pay)", COUNT(DISTINCT "dept") AS "#user count(DISTINCT dept)" FROM "staff" WHERE "pay" < CAST('1000000000.0' AS DOUBLE) GROUP BY "uid") AS users;

--- [users uid_xor many floated=age edges=age] extras of a column of the table come from the rows of users
SELECT count(*) FROM (SELECT uid, min(pay) AS p FROM staff GROUP BY uid) x WHERE p < 50;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST_SORT(LIST_DISTINCT(FLATTEN(LIST("#all age")))) AS "f0", MIN("#low age", 16) AS "el0", MAX("#high age", 16) AS "eh0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", CASE WHEN ISFINITE(MIN("pay")) THEN MIN("pay") END AS "#user min(pay)", MIN("age") AS "#low age", MAX("age") AS "#high age", COALESCE(LIST(DISTINCT "age") FILTER(WHERE NOT "age" IS NULL), []) AS "#all age" FROM "staff" GROUP BY "uid") AS users WHERE "#user min(pay)" < CAST('50.0' AS DOUBLE);

--- [top=2 many] users contribute once
SELECT sum(n) FROM (SELECT uid, count(*) AS n FROM staff GROUP BY uid) x;
=>
SELECT SUM("#user count(*)") AS "a0", LIST_RESIZE(COALESCE(MAX(CAST("#user count(*)" AS DOUBLE), 2) FILTER(WHERE "#user count(*)" >= 0), []), 2, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "#user count(*)" >= 0) AS "0n0", SUM(CAST("#user count(*)" AS DOUBLE)) FILTER(WHERE "#user count(*)" >= 0) AS "0s0", LIST_RESIZE(COALESCE(MAX(-CAST("#user count(*)" AS DOUBLE), 2) FILTER(WHERE "#user count(*)" <= 0), []), 2, CAST(0 AS DOUBLE)) AS "1t0", COUNT(*) FILTER(WHERE "#user count(*)" <= 0) AS "1n0", SUM(-CAST("#user count(*)" AS DOUBLE)) FILTER(WHERE "#user count(*)" <= 0) AS "1s0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", COUNT(*) AS "#user count(*)" FROM "staff" GROUP BY "uid") AS users;
