-- What users' rows together give: aggregates and HAVING of a query that groups by the uid (§6.2, §6.4, §6.5).

--- HAVING an equality, floated from the users' rows
SELECT count(*) FROM (SELECT uid, max(age) AS top FROM staff GROUP BY uid HAVING top = 20) AS x;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("#low age") AS "s0l", MAX("#high age") AS "s0h", LEN(LIST_DISTINCT(FLATTEN(LIST("#all age")))) AS "s0n" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", MAX("age") AS "#user max(age)", MIN("age") AS "#low age", MAX("age") AS "#high age", COALESCE(LIST(DISTINCT "age") FILTER(WHERE NOT "age" IS NULL), []) AS "#all age" FROM "staff" GROUP BY "uid") AS users WHERE "#user max(age)" = CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)

--- the same by math (Figure 12)
SELECT count(*) FROM (SELECT uid, max(age + 20) AS top FROM staff GROUP BY uid HAVING top - 1 = 39) AS x;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("#low age") AS "s0l", MAX("#high age") AS "s0h", LEN(LIST_DISTINCT(FLATTEN(LIST("#all age")))) AS "s0n" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", MAX(TRY(("age") + (CAST('20' AS BIGINT)))) AS "#user max((age + 20))", MIN("age") AS "#low age", MAX("age") AS "#high age", COALESCE(LIST(DISTINCT "age") FILTER(WHERE NOT "age" IS NULL), []) AS "#all age" FROM "staff" GROUP BY "uid") AS users WHERE TRY(("#user max((age + 20))") - (CAST('1' AS BIGINT))) = CAST('39' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)

--- an average as a selected column (Figure 16)
SELECT mean, count(*) FROM (SELECT uid, avg(pay) AS mean FROM staff GROUP BY uid) AS x GROUP BY mean;
=>
SELECT "#user avg(pay)" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("#low pay") AS "s0l", MAX("#high pay") AS "s0h", LEN(LIST_DISTINCT(FLATTEN(LIST("#all pay")))) AS "s0n" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", CASE WHEN ISFINITE(AVG("pay")) THEN AVG("pay") END AS "#user avg(pay)", MIN("pay") AS "#low pay", MAX("pay") AS "#high pay", COALESCE(LIST(DISTINCT "pay") FILTER(WHERE NOT "pay" IS NULL), []) AS "#all pay" FROM "staff" GROUP BY "uid") AS users GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: pay = (floated span)
-- layer dynamic: pay = (floated span)

--- HAVING an inequality, from the query
SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING min(age) <> 20) AS x;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", MIN("age") AS "#user min(age)" FROM "staff" GROUP BY "uid") AS users WHERE "#user min(age)" <> CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age <> integer 20
-- layer dynamic: age <> integer 20

--- HAVING a range, from the query
SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING avg(pay) BETWEEN 0 AND 20) AS x;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "#user avg(pay)" < CAST('5.0' AS DOUBLE)) AS "bl0", COUNT(*) FILTER(WHERE "#user avg(pay)" > CAST('10.0' AS DOUBLE)) AS "bh0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", CASE WHEN ISFINITE(AVG("pay")) THEN AVG("pay") END AS "#user avg(pay)" FROM "staff" GROUP BY "uid") AS users WHERE "#user avg(pay)" >= CAST('0.0' AS DOUBLE) AND "#user avg(pay)" < CAST('20.0' AS DOUBLE) HAVING COUNT(*) >= 2;
-- layer static: pay range number 0.0, number 20.0
-- layer dynamic: pay range number 0.0, number 20.0

--- HAVING a number of rows
SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING count(age) = 2) AS x;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", COUNT("age") AS "#user count(age)" FROM "staff" GROUP BY "uid") AS users WHERE "#user count(age)" = CAST('2' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: * = integer 2, integer 2, 1
-- layer dynamic: * = integer 2, integer 2, 1

--- conditions inside, of HAVING and outside
SELECT count(*) FROM (SELECT uid, max(age) AS top FROM staff WHERE dept = 'CS' GROUP BY uid HAVING count(*) <> 1) AS x WHERE top NOT IN (17, 18);
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", COUNT(*) AS "#user count(*)", MAX("age") AS "#user max(age)" FROM "staff" WHERE "dept" = 'CS' GROUP BY "uid") AS users WHERE "#user count(*)" <> CAST('1' AS BIGINT) AND NOT "#user max(age)" IN (CAST('17' AS BIGINT), CAST('18' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1
-- layer static: * <> integer 1
-- layer dynamic: * <> integer 1
-- layer static: age <> integer 17
-- layer dynamic: age <> integer 17
-- layer static: age <> integer 18
-- layer dynamic: age <> integer 18

--- without conditions
SELECT sum(n) FROM (SELECT uid, count(*) AS n FROM staff GROUP BY uid) AS x;
=>
SELECT SUM("#user count(*)") AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", BIT_XOR("#uid_hash") FILTER(WHERE NOT "#user count(*)" IS NULL) AS "x0", LIST_RESIZE(COALESCE(MAX(CAST("#user count(*)" AS DOUBLE), 16) FILTER(WHERE "#user count(*)" >= 0), []), 16, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "#user count(*)" >= 0) AS "0n0", SUM(CAST("#user count(*)" AS DOUBLE)) FILTER(WHERE "#user count(*)" >= 0) AS "0s0", LIST_RESIZE(COALESCE(MAX(-CAST("#user count(*)" AS DOUBLE), 16) FILTER(WHERE "#user count(*)" <= 0), []), 16, CAST(0 AS DOUBLE)) AS "1t0", COUNT(*) FILTER(WHERE "#user count(*)" <= 0) AS "1n0", SUM(-CAST("#user count(*)" AS DOUBLE)) FILTER(WHERE "#user count(*)" <= 0) AS "1s0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", COUNT(*) AS "#user count(*)" FROM "staff" GROUP BY "uid") AS users HAVING COUNT(*) >= 2;
-- layer dynamic: none
