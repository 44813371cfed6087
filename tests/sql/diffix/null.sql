-- IS [NOT] NULL (§6.3).

--- NULL
SELECT count(*) FROM staff WHERE dept IS NULL;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" IS NULL HAVING COUNT(*) >= 2;
-- layer static: dept null
-- layer dynamic: dept null

--- not NULL
SELECT count(*) FROM staff WHERE dept IS NOT NULL;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT ("dept" IS NULL) HAVING COUNT(*) >= 2;
-- layer static: dept not-null
-- layer dynamic: dept not-null

--- a part of a text
SELECT count(*) FROM staff WHERE left(name, 2) IS NULL;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(LEFT("name", CAST('2' AS BIGINT))) IS NULL HAVING COUNT(*) >= 2;
-- layer static: name null
-- layer dynamic: name null
