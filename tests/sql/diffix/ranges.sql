-- Ranges on the grid (§6.7), and functions that stand for ranges (§6.15).

--- BETWEEN
SELECT count(*) FROM staff WHERE age BETWEEN 20 AND 30;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('23' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('24' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30
-- layer dynamic: age range integer 20, integer 30

--- two inequalities
SELECT count(*) FROM staff WHERE age >= 20 AND 30 > age;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('23' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('24' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30
-- layer dynamic: age range integer 20, integer 30

--- two inequalities, the upper end included
SELECT count(*) FROM staff WHERE age >= 20 AND age <= 30;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('23' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('24' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30
-- layer dynamic: age range integer 20, integer 30

--- not aligned
SELECT count(*) FROM staff WHERE age BETWEEN 21 AND 29;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('23' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('24' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30
-- layer dynamic: age range integer 20, integer 30

--- across a multiple of the width
SELECT count(*) FROM staff WHERE age BETWEEN 17 AND 24;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('18' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('19' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('15' AS BIGINT)) AND ("age" < CAST('25' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 15, integer 25
-- layer dynamic: age range integer 15, integer 25

--- one whole number
SELECT count(*) FROM staff WHERE age BETWEEN 20 AND 21;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('21' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('20' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('21' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age = integer 20, integer 20, 1
-- layer dynamic: age = integer 20, integer 20, 1

--- real numbers
SELECT count(*) FROM staff WHERE pay BETWEEN 0.1 AND 0.9;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "pay" < CAST('0.25' AS DOUBLE)) AS "bl0", COUNT(*) FILTER(WHERE "pay" > CAST('0.5' AS DOUBLE)) AS "bh0" FROM "staff" WHERE ("pay" >= CAST('0.0' AS DOUBLE)) AND ("pay" < CAST('1.0' AS DOUBLE)) HAVING COUNT(*) >= 2;
-- layer static: pay range number 0.0, number 1.0
-- layer dynamic: pay range number 0.0, number 1.0

--- days
SELECT count(*) FROM staff WHERE hired BETWEEN '2020-01-05' AND '2020-01-25';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("hired", 16) AS "el0", MAX("hired", 16) AS "eh0" FROM "staff" WHERE ("hired" >= CAST('2020-01-01' AS DATE)) AND ("hired" < CAST('2020-02-01' AS DATE)) HAVING COUNT(*) >= 2;
-- layer static: hired range date 2020-01-01, date 2020-02-01
-- layer dynamic: hired range date 2020-01-01, date 2020-02-01

--- one day
SELECT count(*) FROM staff WHERE hired BETWEEN '2020-01-10' AND '2020-01-11';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("hired", 16) AS "el0", MAX("hired", 16) AS "eh0" FROM "staff" WHERE ("hired" >= CAST('2020-01-10' AS DATE)) AND ("hired" < CAST('2020-01-11' AS DATE)) HAVING COUNT(*) >= 2;
-- layer static: hired = date 2020-01-10, date 2020-01-10, 1
-- layer dynamic: hired = date 2020-01-10, date 2020-01-10, 1

--- moments
SELECT count(*) FROM staff WHERE seen >= '2020-01-01 00:00:00' AND seen < '2020-01-02 00:00:00';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("seen", 16) AS "el0", MAX("seen", 16) AS "eh0" FROM "staff" WHERE ("seen" >= CAST('2020-01-01 00:00:00' AS TIMESTAMP)) AND ("seen" < CAST('2020-01-02 00:00:00' AS TIMESTAMP)) HAVING COUNT(*) >= 2;
-- layer static: seen range datetime 2020-01-01T00:00:00, datetime 2020-01-02T00:00:00
-- layer dynamic: seen range datetime 2020-01-01T00:00:00, datetime 2020-01-02T00:00:00

--- year
SELECT count(*) FROM staff WHERE year(hired) = 2020;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("hired", 16) AS "el0", MAX("hired", 16) AS "eh0" FROM "staff" WHERE ("hired" >= CAST('2020-01-01' AS DATE)) AND ("hired" < CAST('2021-01-01' AS DATE)) HAVING COUNT(*) >= 2;
-- layer static: hired range date 2020-01-01, date 2021-01-01
-- layer dynamic: hired range date 2020-01-01, date 2021-01-01

--- extract
SELECT count(*) FROM staff WHERE extract(year FROM seen) = 2020;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("seen", 16) AS "el0", MAX("seen", 16) AS "eh0" FROM "staff" WHERE ("seen" >= CAST('2020-01-01 00:00:00' AS TIMESTAMP)) AND ("seen" < CAST('2021-01-01 00:00:00' AS TIMESTAMP)) HAVING COUNT(*) >= 2;
-- layer static: seen range datetime 2020-01-01T00:00:00, datetime 2021-01-01T00:00:00
-- layer dynamic: seen range datetime 2020-01-01T00:00:00, datetime 2021-01-01T00:00:00

--- date_trunc to the quarter
SELECT count(*) FROM staff WHERE date_trunc('quarter', hired) = '2020-04-01';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("hired", 16) AS "el0", MAX("hired", 16) AS "eh0" FROM "staff" WHERE ("hired" >= CAST('2020-04-01' AS DATE)) AND ("hired" < CAST('2020-07-01' AS DATE)) HAVING COUNT(*) >= 2;
-- layer static: hired range date 2020-04-01, date 2020-07-01
-- layer dynamic: hired range date 2020-04-01, date 2020-07-01

--- a moment as a day
SELECT count(*) FROM staff WHERE seen::date = '2020-01-01';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", MIN("seen", 16) AS "el0", MAX("seen", 16) AS "eh0" FROM "staff" WHERE ("seen" >= CAST('2020-01-01 00:00:00' AS TIMESTAMP)) AND ("seen" < CAST('2020-01-02 00:00:00' AS TIMESTAMP)) HAVING COUNT(*) >= 2;
-- layer static: seen range datetime 2020-01-01T00:00:00, datetime 2020-01-02T00:00:00
-- layer dynamic: seen range datetime 2020-01-01T00:00:00, datetime 2020-01-02T00:00:00

--- trunc
SELECT count(*) FROM staff WHERE trunc(age, -1) = 20;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('23' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('24' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30
-- layer dynamic: age range integer 20, integer 30

--- trunc below zero
SELECT count(*) FROM staff WHERE trunc(pay) = -1;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE CASE WHEN ISFINITE(TRY(TRUNC("pay"))) THEN TRY(TRUNC("pay")) END = CAST('-1.0' AS DOUBLE) HAVING COUNT(*) >= 2;
-- layer static: pay range number -2.0, number -1.0
-- layer dynamic: pay range number -2.0, number -1.0

--- round
SELECT count(*) FROM staff WHERE round(age, -1) = 20;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('18' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('19' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('15' AS BIGINT)) AND ("age" < CAST('25' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age range integer 15, integer 25
-- layer dynamic: age range integer 15, integer 25

--- beside an equality
SELECT count(*) FROM staff WHERE age BETWEEN 20 AND 30 AND dept = 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor", COUNT(*) FILTER(WHERE "age" < CAST('23' AS BIGINT)) AS "bl0", COUNT(*) FILTER(WHERE "age" > CAST('24' AS BIGINT)) AS "bh0" FROM "staff" WHERE ("age" >= CAST('20' AS BIGINT)) AND ("age" < CAST('30' AS BIGINT)) AND ("dept" = 'CS') HAVING COUNT(*) >= 2;
-- layer static: age range integer 20, integer 30
-- layer dynamic: age range integer 20, integer 30
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1
