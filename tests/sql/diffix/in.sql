-- IN (§6.9): a static layer of what is there, a dynamic one an element.

--- whole numbers
SELECT count(*) FROM staff WHERE age IN (20, 21, 999);
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST(DISTINCT "age" ORDER BY "age") FILTER(WHERE NOT "age" IS NULL) AS "f0" FROM "staff" WHERE "age" IN (CAST('20' AS BIGINT), CAST('21' AS BIGINT), CAST('999' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age in (floated values)
-- layer dynamic: age in-element integer 20
-- layer dynamic: age in-element integer 21
-- layer dynamic: age in-element integer 999

--- texts, one of them twice
SELECT count(*) FROM staff WHERE dept IN ('CS', 'law', 'CS');
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST(DISTINCT "dept" ORDER BY "dept") FILTER(WHERE NOT "dept" IS NULL) AS "f0" FROM "staff" WHERE "dept" IN ('CS', 'law') HAVING COUNT(*) >= 2;
-- layer static: dept in (floated values)
-- layer dynamic: dept in-element text CS
-- layer dynamic: dept in-element text law

--- parts of texts
SELECT count(*) FROM staff WHERE left(name, 2) IN ('an', 'bo');
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST(DISTINCT "name" ORDER BY "name") FILTER(WHERE NOT "name" IS NULL) AS "f0" FROM "staff" WHERE TRY(LEFT("name", CAST('2' AS BIGINT))) IN ('an', 'bo') HAVING COUNT(*) >= 2;
-- layer static: name in (floated values)
-- layer dynamic: name in-element text an
-- layer dynamic: name in-element text bo
-- layer dynamic: name function left, 2

--- lower case
SELECT count(*) FROM staff WHERE lower(name) IN ('anna', 'bob');
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST(DISTINCT "name" ORDER BY "name") FILTER(WHERE NOT "name" IS NULL) AS "f0" FROM "staff" WHERE LOWER("name") IN ('anna', 'bob') HAVING COUNT(*) >= 2;
-- layer static: name in (floated values)
-- layer dynamic: name in-element text anna
-- layer dynamic: name in-element text bob

--- beside a condition that leaves one of the values
SELECT count(*) FROM staff WHERE age IN (20, 21) AND dept = 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", LIST(DISTINCT "age" ORDER BY "age") FILTER(WHERE NOT "age" IS NULL) AS "f0" FROM "staff" WHERE ("age" IN (CAST('20' AS BIGINT), CAST('21' AS BIGINT))) AND ("dept" = 'CS') HAVING COUNT(*) >= 2;
-- layer static: age in (floated values)
-- layer dynamic: age in-element integer 20
-- layer dynamic: age in-element integer 21
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1
