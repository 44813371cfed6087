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
SELECT "year" AS "k0", COUNT(*) AS "a0", COUNT("age") AS "a1", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST(DISTINCT "dept" ORDER BY "dept") FILTER(WHERE NOT "dept" IS NULL) AS "f0" FROM "staff" WHERE "dept" IN ('CS', 'law') GROUP BY 1 ORDER BY 1;

--- [many users uid_xor floated=dept top=3] everything with many rows
SELECT year, count(*), count(age), count(DISTINCT uid) FROM staff WHERE dept IN ('CS', 'law') GROUP BY year;
=>
SELECT "k0" AS "k0", COALESCE(SUM("c0"), 0) AS "a0", COUNT(*) FILTER(WHERE "c0" > 0) AS "m0", LIST_RESIZE(MAX("c0", 3), 3, 0) AS "t0", COALESCE(SUM("c1"), 0) AS "a1", COUNT(*) FILTER(WHERE "c1" > 0) AS "m1", LIST_RESIZE(MAX("c1", 3), 3, 0) AS "t1", COALESCE(SUM("c2"), 0) AS "a2", COUNT(*) FILTER(WHERE "c2" > 0) AS "m2", LIST_RESIZE(MAX("c2", 3), 3, 0) AS "t2", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor", LIST_SORT(LIST_DISTINCT(FLATTEN(LIST("f0")))) AS "f0" FROM (SELECT "year" AS "k0", "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", COUNT(*) AS "c0", COUNT("age") AS "c1", 1 AS "c2", LIST(DISTINCT "dept" ORDER BY "dept") FILTER(WHERE NOT "dept" IS NULL) AS "f0" FROM "staff" WHERE "dept" IN ('CS', 'law') GROUP BY 1, 2) AS per_user GROUP BY 1 ORDER BY 1;

--- [many top=2] contributions without groups
SELECT count(*) FROM staff;
=>
SELECT COALESCE(SUM("c0"), 0) AS "a0", COUNT(*) FILTER(WHERE "c0" > 0) AS "m0", LIST_RESIZE(MAX("c0", 2), 2, 0) AS "t0", COUNT(*) AS "users", BIT_XOR("h") AS "uid_xor" FROM (SELECT "uid" AS "u", ANY_VALUE("#uid_hash") AS "h", COUNT(*) AS "c0" FROM "staff" GROUP BY 1) AS per_user;
