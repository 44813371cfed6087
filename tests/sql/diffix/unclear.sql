-- Positive equalities that are not clear: what is floated of their columns (§6.4, §6.14).

--- a sum
SELECT count(*) FROM staff WHERE age + 1 = 21;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n" FROM "staff" WHERE TRY(("age") + (CAST('1' AS BIGINT))) = CAST('21' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)

--- two columns
SELECT count(*) FROM staff WHERE age + pay = 21;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n", MIN("pay") AS "s1l", MAX("pay") AS "s1h", COUNT(DISTINCT "pay") AS "s1n" FROM "staff" WHERE CASE WHEN ISFINITE(TRY(("age") + ("pay"))) THEN TRY(("age") + ("pay")) END = CAST('21.0' AS DOUBLE) HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)
-- layer static: pay = (floated span)
-- layer dynamic: pay = (floated span)

--- expressions on both sides
SELECT count(*) FROM staff WHERE age - 1 = year * 0 + 20;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n", MIN("year") AS "s1l", MAX("year") AS "s1h", COUNT(DISTINCT "year") AS "s1n" FROM "staff" WHERE TRY(("age") - (CAST('1' AS BIGINT))) = TRY((("year") * (CAST('0' AS BIGINT))) + (CAST('20' AS BIGINT))) HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)
-- layer static: year = (floated span)
-- layer dynamic: year = (floated span)

--- a root
SELECT count(*) FROM staff WHERE sqrt(age) = 5;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n" FROM "staff" WHERE CASE WHEN ISFINITE(TRY(SQRT(CAST("age" AS DOUBLE)))) THEN TRY(SQRT(CAST("age" AS DOUBLE))) END = CAST('5.0' AS DOUBLE) HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)

--- a length
SELECT count(*) FROM staff WHERE length(name) = 3;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("name") AS "s0l", MAX("name") AS "s0h", COUNT(DISTINCT "name") AS "s0n" FROM "staff" WHERE LENGTH("name") = CAST('3' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: name = (floated span)
-- layer dynamic: name = (floated span)

--- a cast
SELECT count(*) FROM staff WHERE CAST(age AS text) = '20';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n" FROM "staff" WHERE TRY_CAST("age" AS TEXT) = '20' HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)

--- a part of a date that stands for no one range
SELECT count(*) FROM staff WHERE month(hired) = 3;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("hired") AS "s0l", MAX("hired") AS "s0h", COUNT(DISTINCT "hired") AS "s0n" FROM "staff" WHERE MONTH("hired") = CAST('3' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: hired = (floated span)
-- layer dynamic: hired = (floated span)

--- upper case
SELECT count(*) FROM staff WHERE upper(name) = 'ANNA';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("name") AS "s0l", MAX("name") AS "s0h", COUNT(DISTINCT "name") AS "s0n" FROM "staff" WHERE UPPER("name") = 'ANNA' HAVING COUNT(*) >= 2;
-- layer static: name = (floated span)
-- layer dynamic: name = (floated span)

--- ILIKE without a wildcard
SELECT count(*) FROM staff WHERE name ILIKE 'anna';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("name") AS "s0l", MAX("name") AS "s0h", COUNT(DISTINCT "name") AS "s0n" FROM "staff" WHERE "name" ILIKE 'anna' HAVING COUNT(*) >= 2;
-- layer static: name = (floated span)
-- layer dynamic: name = (floated span)

--- lower case of a part
SELECT count(*) FROM staff WHERE lower(left(name, 2)) = 'an';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("name") AS "s0l", MAX("name") AS "s0h", COUNT(DISTINCT "name") AS "s0n" FROM "staff" WHERE TRY(LOWER(LEFT("name", CAST('2' AS BIGINT)))) = 'an' HAVING COUNT(*) >= 2;
-- layer static: name = (floated span)
-- layer dynamic: name = (floated span)
-- layer dynamic: name function left, 2

--- texts put together
SELECT count(*) FROM staff WHERE concat(dept, '-', dept) = 'CS-CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("dept") AS "s0l", MAX("dept") AS "s0h", COUNT(DISTINCT "dept") AS "s0n" FROM "staff" WHERE ("dept" || '-' || "dept") = 'CS-CS' HAVING COUNT(*) >= 2;
-- layer static: dept = (floated span)
-- layer dynamic: dept = (floated span)

--- beside a clear condition
SELECT count(*) FROM staff WHERE age * 2 = 40 AND dept = 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n" FROM "staff" WHERE (TRY(("age") * (CAST('2' AS BIGINT))) = CAST('40' AS BIGINT)) AND ("dept" = 'CS') HAVING COUNT(*) >= 2;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1
