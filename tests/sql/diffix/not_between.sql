-- Negative ranges (§6.8).

--- whole numbers
SELECT count(*) FROM staff WHERE age NOT BETWEEN 20 AND 30;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT))) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30, :<>
-- layer dynamic: age range integer 20, integer 30, :<>

--- two inequalities
SELECT count(*) FROM staff WHERE NOT (age >= 21 AND age < 30);
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT))) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30, :<>
-- layer dynamic: age range integer 20, integer 30, :<>

--- one whole number
SELECT count(*) FROM staff WHERE age NOT BETWEEN 20 AND 21;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('21' AS BIGINT))) HAVING COUNT(*) >= 2;
-- layer static: age <> integer 20
-- layer dynamic: age <> integer 20

--- days
SELECT count(*) FROM staff WHERE hired NOT BETWEEN '2020-01-01' AND '2020-02-01';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (("hired" >= CAST('2020-01-01' AS DATE)) AND ("hired" < CAST('2020-02-01' AS DATE))) HAVING COUNT(*) >= 2;
-- layer static: hired range date 2020-01-01, date 2020-02-01, :<>
-- layer dynamic: hired range date 2020-01-01, date 2020-02-01, :<>

--- another year
SELECT count(*) FROM staff WHERE year(hired) <> 2020;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (("hired" >= CAST('2020-01-01' AS DATE)) AND ("hired" < CAST('2021-01-01' AS DATE))) HAVING COUNT(*) >= 2;
-- layer static: hired range date 2020-01-01, date 2021-01-01, :<>
-- layer dynamic: hired range date 2020-01-01, date 2021-01-01, :<>

--- trunc
SELECT count(*) FROM staff WHERE trunc(age, -1) <> 20;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT))) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30, :<>
-- layer dynamic: age range integer 20, integer 30, :<>
