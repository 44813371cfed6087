--- [users] users
SELECT dept, count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users" FROM "staff" GROUP BY 1 ORDER BY 1;

--- [many users] users with many rows
SELECT dept, count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(DISTINCT "uid") AS "users" FROM "staff" GROUP BY 1 ORDER BY 1;

--- [uid_xor] hash of the users
SELECT count(*) FROM staff WHERE age = 20;
=>
SELECT COUNT(*) AS "a0", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- [many uid_xor] hash of users with many rows
SELECT count(*) FROM staff WHERE age = 20;
=>
SELECT COUNT(*) AS "a0", BIT_XOR(DISTINCT "#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- [floated=age] floated column
SELECT count(*) FROM staff WHERE age IN (20, 21);
=>
SELECT COUNT(*) AS "a0", LIST(DISTINCT "age" ORDER BY "age") FILTER(WHERE NOT "age" IS NULL) AS "f0" FROM "staff" WHERE "age" IN (CAST('20' AS BIGINT), CAST('21' AS BIGINT));

--- [users uid_xor floated=dept top=3] everything
SELECT year, count(*), count(age) FROM staff WHERE dept IN ('CS', 'law') GROUP BY year;
=>
SELECT "year" AS "k0", COUNT(*) AS "a0", COUNT("age") AS "a1", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", BIT_XOR("#uid_hash") FILTER(WHERE NOT "age" IS NULL) AS "x1", LIST(DISTINCT "dept" ORDER BY "dept") FILTER(WHERE NOT "dept" IS NULL) AS "f0" FROM "staff" WHERE "dept" IN ('CS', 'law') GROUP BY 1 ORDER BY 1;

--- [many users uid_xor floated=dept top=3] everything with many rows
SELECT year, count(*), count(age), count(DISTINCT uid) FROM staff WHERE dept IN ('CS', 'law') GROUP BY year;
=>
SELECT "k0" AS "k0", COALESCE(SUM("c0"), 0) AS "a0", LIST_RESIZE(COALESCE(MAX(CAST("c0" AS DOUBLE), 3) FILTER(WHERE "c0" > 0), []), 3, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "c0" > 0) AS "0n0", SUM(CAST("c0" AS DOUBLE)) FILTER(WHERE "c0" > 0) AS "0s0", COALESCE(SUM("c1"), 0) AS "a1", LIST_RESIZE(COALESCE(MAX(CAST("c1" AS DOUBLE), 3) FILTER(WHERE "c1" > 0), []), 3, CAST(0 AS DOUBLE)) AS "0t1", COUNT(*) FILTER(WHERE "c1" > 0) AS "0n1", SUM(CAST("c1" AS DOUBLE)) FILTER(WHERE "c1" > 0) AS "0s1", BIT_XOR("h") FILTER(WHERE "c1" > 0) AS "x1", COALESCE(SUM("c2"), 0) AS "a2", LIST_RESIZE(COALESCE(MAX(CAST("c2" AS DOUBLE), 3) FILTER(WHERE "c2" > 0), []), 3, CAST(0 AS DOUBLE)) AS "0t2", COUNT(*) FILTER(WHERE "c2" > 0) AS "0n2", SUM(CAST("c2" AS DOUBLE)) FILTER(WHERE "c2" > 0) AS "0s2", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor", LIST_SORT(LIST_DISTINCT(FLATTEN(LIST("f0")))) AS "f0" FROM (SELECT "year" AS "k0", "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", COUNT(*) AS "c0", COUNT("age") AS "c1", 1 AS "c2", LIST(DISTINCT "dept" ORDER BY "dept") FILTER(WHERE NOT "dept" IS NULL) AS "f0" FROM "staff" WHERE "dept" IN ('CS', 'law') GROUP BY 1, 2) AS per_user GROUP BY 1 ORDER BY 1;

--- [many top=2] contributions without groups
SELECT count(*) FROM staff;
=>
SELECT COALESCE(SUM("c0"), 0) AS "a0", LIST_RESIZE(COALESCE(MAX(CAST("c0" AS DOUBLE), 2) FILTER(WHERE "c0" > 0), []), 2, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "c0" > 0) AS "0n0", SUM(CAST("c0" AS DOUBLE)) FILTER(WHERE "c0" > 0) AS "0s0", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor" FROM (SELECT "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", COUNT(*) AS "c0" FROM "staff" GROUP BY 1) AS per_user;

--- [one users uid_xor top=2] contributions to sums and extremes, a row a user
SELECT dept, sum(pay), avg(age), min(hired), max(seen), count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", SUM("pay") AS "a0", AVG("age") AS "a1", MIN(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "a2", MAX(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "a3", COUNT(*) AS "a4", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", BIT_XOR("#uid_hash") FILTER(WHERE NOT "pay" IS NULL) AS "x0", BIT_XOR("#uid_hash") FILTER(WHERE NOT "age" IS NULL) AS "x1", BIT_XOR("#uid_hash") FILTER(WHERE NOT "hired" IS NULL) AS "x2", BIT_XOR("#uid_hash") FILTER(WHERE NOT "seen" IS NULL) AS "x3", LIST_RESIZE(COALESCE(MAX(CAST("pay" AS DOUBLE), 2) FILTER(WHERE "pay" >= 0), []), 2, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "pay" >= 0) AS "0n0", SUM(CAST("pay" AS DOUBLE)) FILTER(WHERE "pay" >= 0) AS "0s0", LIST_RESIZE(COALESCE(MAX(-CAST("pay" AS DOUBLE), 2) FILTER(WHERE "pay" <= 0), []), 2, CAST(0 AS DOUBLE)) AS "1t0", COUNT(*) FILTER(WHERE "pay" <= 0) AS "1n0", SUM(-CAST("pay" AS DOUBLE)) FILTER(WHERE "pay" <= 0) AS "1s0", LIST_RESIZE(COALESCE(MAX(CAST("age" AS DOUBLE), 2) FILTER(WHERE "age" >= 0), []), 2, CAST(0 AS DOUBLE)) AS "0t1", COUNT(*) FILTER(WHERE "age" >= 0) AS "0n1", SUM(CAST("age" AS DOUBLE)) FILTER(WHERE "age" >= 0) AS "0s1", LIST_RESIZE(COALESCE(MAX(-CAST("age" AS DOUBLE), 2) FILTER(WHERE "age" <= 0), []), 2, CAST(0 AS DOUBLE)) AS "1t1", COUNT(*) FILTER(WHERE "age" <= 0) AS "1n1", SUM(-CAST("age" AS DOUBLE)) FILTER(WHERE "age" <= 0) AS "1s1", COUNT("age") AS "2n1", LIST_RESIZE(COALESCE(MIN(CAST(EPOCH_US(CAST("hired" AS TIMESTAMP)) AS DOUBLE), 2) FILTER(WHERE NOT EPOCH_US(CAST("hired" AS TIMESTAMP)) IS NULL), []), 2, CAST(0 AS DOUBLE)) AS "1t2", COUNT(*) FILTER(WHERE NOT EPOCH_US(CAST("hired" AS TIMESTAMP)) IS NULL) AS "1n2", SUM(CAST(EPOCH_US(CAST("hired" AS TIMESTAMP)) AS DOUBLE)) FILTER(WHERE NOT EPOCH_US(CAST("hired" AS TIMESTAMP)) IS NULL) AS "1s2", LIST_RESIZE(COALESCE(MAX(CAST(EPOCH_US(CAST("seen" AS TIMESTAMP)) AS DOUBLE), 2) FILTER(WHERE NOT EPOCH_US(CAST("seen" AS TIMESTAMP)) IS NULL), []), 2, CAST(0 AS DOUBLE)) AS "0t3", COUNT(*) FILTER(WHERE NOT EPOCH_US(CAST("seen" AS TIMESTAMP)) IS NULL) AS "0n3", SUM(CAST(EPOCH_US(CAST("seen" AS TIMESTAMP)) AS DOUBLE)) FILTER(WHERE NOT EPOCH_US(CAST("seen" AS TIMESTAMP)) IS NULL) AS "0s3" FROM "staff" GROUP BY 1 ORDER BY 1;

--- [many top=2] contributions to sums and extremes, many rows a user
SELECT dept, sum(pay), avg(age), min(hired), max(seen), count(*) FROM staff GROUP BY dept;
=>
SELECT "k0" AS "k0", SUM("c0") AS "a0", LIST_RESIZE(COALESCE(MAX(CAST("c0" AS DOUBLE), 2) FILTER(WHERE "c0" >= 0), []), 2, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "c0" >= 0) AS "0n0", SUM(CAST("c0" AS DOUBLE)) FILTER(WHERE "c0" >= 0) AS "0s0", LIST_RESIZE(COALESCE(MAX(-CAST("c0" AS DOUBLE), 2) FILTER(WHERE "c0" <= 0), []), 2, CAST(0 AS DOUBLE)) AS "1t0", COUNT(*) FILTER(WHERE "c0" <= 0) AS "1n0", SUM(-CAST("c0" AS DOUBLE)) FILTER(WHERE "c0" <= 0) AS "1s0", CAST(SUM("c1") AS DOUBLE) / SUM("n1") AS "a1", LIST_RESIZE(COALESCE(MAX(CAST("c1" AS DOUBLE), 2) FILTER(WHERE "c1" >= 0), []), 2, CAST(0 AS DOUBLE)) AS "0t1", COUNT(*) FILTER(WHERE "c1" >= 0) AS "0n1", SUM(CAST("c1" AS DOUBLE)) FILTER(WHERE "c1" >= 0) AS "0s1", LIST_RESIZE(COALESCE(MAX(-CAST("c1" AS DOUBLE), 2) FILTER(WHERE "c1" <= 0), []), 2, CAST(0 AS DOUBLE)) AS "1t1", COUNT(*) FILTER(WHERE "c1" <= 0) AS "1n1", SUM(-CAST("c1" AS DOUBLE)) FILTER(WHERE "c1" <= 0) AS "1s1", LIST_RESIZE(COALESCE(MAX(CAST("n1" AS DOUBLE), 2) FILTER(WHERE "n1" > 0), []), 2, CAST(0 AS DOUBLE)) AS "2t1", COUNT(*) FILTER(WHERE "n1" > 0) AS "2n1", SUM(CAST("n1" AS DOUBLE)) FILTER(WHERE "n1" > 0) AS "2s1", MIN("c2") AS "a2", LIST_RESIZE(COALESCE(MIN(CAST("c2" AS DOUBLE), 2) FILTER(WHERE NOT "c2" IS NULL), []), 2, CAST(0 AS DOUBLE)) AS "1t2", COUNT(*) FILTER(WHERE NOT "c2" IS NULL) AS "1n2", SUM(CAST("c2" AS DOUBLE)) FILTER(WHERE NOT "c2" IS NULL) AS "1s2", MAX("c3") AS "a3", LIST_RESIZE(COALESCE(MAX(CAST("c3" AS DOUBLE), 2) FILTER(WHERE NOT "c3" IS NULL), []), 2, CAST(0 AS DOUBLE)) AS "0t3", COUNT(*) FILTER(WHERE NOT "c3" IS NULL) AS "0n3", SUM(CAST("c3" AS DOUBLE)) FILTER(WHERE NOT "c3" IS NULL) AS "0s3", COALESCE(SUM("c4"), 0) AS "a4", LIST_RESIZE(COALESCE(MAX(CAST("c4" AS DOUBLE), 2) FILTER(WHERE "c4" > 0), []), 2, CAST(0 AS DOUBLE)) AS "0t4", COUNT(*) FILTER(WHERE "c4" > 0) AS "0n4", SUM(CAST("c4" AS DOUBLE)) FILTER(WHERE "c4" > 0) AS "0s4", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor" FROM (SELECT "dept" AS "k0", "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", SUM("pay") AS "c0", SUM("age") AS "c1", COUNT("age") AS "n1", MIN(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "c2", MAX(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "c3", COUNT(*) AS "c4" FROM "staff" GROUP BY 1, 2) AS per_user GROUP BY 1 ORDER BY 1;

--- [one users fewest=2] no bucket of one user
SELECT dept, count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;

--- [many users fewest=2] no bucket of one user, many rows a user
SELECT count(*) FROM staff;
=>
SELECT COUNT(*) AS "a0", COUNT(DISTINCT "uid") AS "users" FROM "staff" HAVING COUNT(DISTINCT "uid") >= 2;

--- [many uid_xor top=2 fewest=2] contributions of two users at least
SELECT dept, count(pay) FROM staff GROUP BY dept;
=>
SELECT "k0" AS "k0", COALESCE(SUM("c0"), 0) AS "a0", LIST_RESIZE(COALESCE(MAX(CAST("c0" AS DOUBLE), 2) FILTER(WHERE "c0" > 0), []), 2, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "c0" > 0) AS "0n0", SUM(CAST("c0" AS DOUBLE)) FILTER(WHERE "c0" > 0) AS "0s0", BIT_XOR("h") FILTER(WHERE "c0" > 0) AS "x0", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor" FROM (SELECT "dept" AS "k0", "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", COUNT("pay") AS "c0" FROM "staff" GROUP BY 1, 2) AS per_user GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;

--- [one users edges=age] lowest and highest users of a column, a row a user
SELECT dept, count(*) FROM staff WHERE age >= 20 AND age < 30 GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", MIN("age", 16) AS "el0", MAX("age", 16) AS "eh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) GROUP BY 1 ORDER BY 1;

--- [many users uid_xor top=2 edges=hired] lowest and highest users, many rows a user
SELECT count(*) FROM staff;
=>
SELECT COALESCE(SUM("c0"), 0) AS "a0", LIST_RESIZE(COALESCE(MAX(CAST("c0" AS DOUBLE), 2) FILTER(WHERE "c0" > 0), []), 2, CAST(0 AS DOUBLE)) AS "0t0", COUNT(*) FILTER(WHERE "c0" > 0) AS "0n0", SUM(CAST("c0" AS DOUBLE)) FILTER(WHERE "c0" > 0) AS "0s0", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor", MIN("lo0", 16) AS "el0", MAX("hi0", 16) AS "eh0", MIN_BY("h", "lo0", 16) AS "ul0", MAX_BY("h", "hi0", 16) AS "uh0" FROM (SELECT "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", COUNT(*) AS "c0", MIN("hired") AS "lo0", MAX("hired") AS "hi0" FROM "staff" GROUP BY 1) AS per_user;

--- [one users within=1] one bucket's narrower ranges
SELECT dept, count(*) FROM staff WHERE age >= 0 AND age < 50 GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users" FROM "staff" WHERE (("age" >= CAST('0' AS BIGINT)) AND ("age" < CAST('50' AS BIGINT))) AND "dept" IS NOT DISTINCT FROM CAST('it''s' AS TEXT) AND "age" >= CAST('20' AS BIGINT) AND "age" < CAST('25' AS BIGINT) AND "hired" >= CAST('2020-01-01' AS DATE) AND "hired" < CAST('2021-01-01' AS DATE) GROUP BY 1 ORDER BY 1;

--- [one users within=2] narrower ranges of several buckets
SELECT dept, count(*) FROM staff WHERE age >= 0 AND age < 50 GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users" FROM "staff" JOIN (VALUES ('it''s', '20', '25', '2020-01-01', '2021-01-01'), (CAST(NULL AS TEXT), '30', '35', '2020-01-01', '2021-01-01')) AS "#part"("#part k0", "#part a0", "#part b0", "#part a1", "#part b1") ON "dept" IS NOT DISTINCT FROM CAST("#part"."#part k0" AS TEXT) AND "age" >= CAST("#part"."#part a0" AS BIGINT) AND "age" < CAST("#part"."#part b0" AS BIGINT) AND "hired" >= CAST("#part"."#part a1" AS DATE) AND "hired" < CAST("#part"."#part b1" AS DATE) WHERE ("age" >= CAST('0' AS BIGINT)) AND ("age" < CAST('50' AS BIGINT)) GROUP BY 1 ORDER BY 1;
