-- What is selected is a positive condition (§6.3, §6.15, §6.16).

--- a column
SELECT dept, count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: dept = (value of key 1)
-- layer dynamic: dept = (value of key 1)

--- two columns
SELECT active, dept, count(*) FROM staff GROUP BY 2, active;
=>
SELECT "dept" AS "k0", "active" AS "k1", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1, 2 HAVING COUNT(*) >= 2 ORDER BY 1, 2;
-- layer static: dept = (value of key 1)
-- layer dynamic: dept = (value of key 1)
-- layer static: active = (value of key 2)
-- layer dynamic: active = (value of key 2)

--- rows
SELECT dept FROM staff;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: dept = (value of key 1)
-- layer dynamic: dept = (value of key 1)

--- distinct rows
SELECT DISTINCT dept FROM staff;
=>
SELECT "dept" AS "k0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: dept = (value of key 1)
-- layer dynamic: dept = (value of key 1)

--- a column and a condition
SELECT active, count(*) FROM staff WHERE dept = 'CS' GROUP BY active;
=>
SELECT "active" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" = 'CS' GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1
-- layer static: active = (value of key 1)
-- layer dynamic: active = (value of key 1)

--- a part of a text
SELECT left(name, 1), count(*) FROM staff GROUP BY 1;
=>
SELECT TRY(LEFT("name", CAST('1' AS BIGINT))) AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: name = (value of key 1)
-- layer dynamic: name = (value of key 1)
-- layer dynamic: name function left, 1

--- another case
SELECT upper(name), count(*) FROM staff GROUP BY 1;
=>
SELECT UPPER("name") AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("name") AS "s0l", MAX("name") AS "s0h", COUNT(DISTINCT "name") AS "s0n" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: name = (floated span)
-- layer dynamic: name = (floated span)

--- a range a bucket
SELECT trunc(age, -1), count(*) FROM staff GROUP BY 1;
=>
SELECT TRY(TRUNC("age", CAST(CAST('-1' AS BIGINT) AS INT))) AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: age = (value of key 1)
-- layer dynamic: age = (value of key 1)

--- a year a bucket
SELECT year(hired), count(*) FROM staff GROUP BY 1;
=>
SELECT YEAR("hired") AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: hired = (value of key 1)
-- layer dynamic: hired = (value of key 1)

--- an expression
SELECT age % 2, count(*) FROM staff GROUP BY 1;
=>
SELECT TRY(("age") % (CAST('2' AS BIGINT))) AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("age") AS "s0l", MAX("age") AS "s0h", COUNT(DISTINCT "age") AS "s0n" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: age = (floated span)
-- layer dynamic: age = (floated span)

--- texts put together
SELECT concat(dept, '-', CAST(active AS text)), count(*) FROM staff GROUP BY 1;
=>
SELECT ("dept" || '-' || TRY_CAST("active" AS TEXT)) AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("dept") AS "s0l", MAX("dept") AS "s0h", COUNT(DISTINCT "dept") AS "s0n", MIN("active") AS "s1l", MAX("active") AS "s1h", COUNT(DISTINCT "active") AS "s1n" FROM "staff" GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: dept = (floated span)
-- layer dynamic: dept = (floated span)
-- layer static: active = (floated span)
-- layer dynamic: active = (floated span)

--- by a sub-query
SELECT x, count(*) FROM (SELECT uid, dept AS x FROM staff WHERE active) AS s GROUP BY x;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "active" = TRUE GROUP BY 1 HAVING COUNT(*) >= 2 ORDER BY 1;
-- layer static: active = True, True, 1
-- layer dynamic: active = True, True, 1
-- layer static: dept = (value of key 1)
-- layer dynamic: dept = (value of key 1)
