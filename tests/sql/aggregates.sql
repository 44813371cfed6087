--- count of rows
SELECT count(*) FROM staff;
=>
SELECT COUNT(*) AS "a0" FROM "staff";

--- count of a column
SELECT count(age), COUNT(dept), count(uid) FROM staff;
=>
SELECT COUNT("age") AS "a0", COUNT("dept") AS "a1", COUNT("uid") AS "a2" FROM "staff";

--- count distinct
SELECT count(DISTINCT uid), count(DISTINCT dept), count(DISTINCT pay) FROM staff;
=>
SELECT COUNT(*) AS "a0", COUNT(DISTINCT "dept") AS "a1", COUNT(DISTINCT "pay") AS "a2" FROM "staff";

--- count all
SELECT count(ALL age) FROM staff;
=>
SELECT COUNT("age") AS "a0" FROM "staff";

--- sum
SELECT sum(year), sum(pay) FROM staff WHERE age < 30;
=>
SELECT SUM("year") AS "a0", SUM("pay") AS "a1" FROM "staff" WHERE "age" < CAST('30' AS BIGINT);

--- sum distinct
SELECT sum(DISTINCT year), sum(DISTINCT pay) FROM staff WHERE age < 30;
=>
SELECT SUM(DISTINCT "year") AS "a0", SUM(DISTINCT "pay") AS "a1" FROM "staff" WHERE "age" < CAST('30' AS BIGINT);

--- avg
SELECT avg(year), avg(pay) FROM staff WHERE age < 30;
=>
SELECT AVG("year") AS "a0", AVG("pay") AS "a1" FROM "staff" WHERE "age" < CAST('30' AS BIGINT);

--- avg distinct
SELECT avg(DISTINCT year) FROM staff WHERE age < 30;
=>
SELECT AVG(DISTINCT "year") AS "a0" FROM "staff" WHERE "age" < CAST('30' AS BIGINT);

--- min and max
SELECT min(year), max(year), min(pay), max(pay) FROM staff;
=>
SELECT MIN("year") AS "a0", MAX("year") AS "a1", MIN("pay") AS "a2", MAX("pay") AS "a3" FROM "staff";

--- min and max of distinct values
SELECT min(DISTINCT year), max(DISTINCT pay) FROM staff;
=>
SELECT MIN("year") AS "a0", MAX("pay") AS "a1" FROM "staff";

--- min and max of dates and times
SELECT min(hired), max(hired), min(seen), max(seen) FROM staff;
=>
SELECT MIN(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "a0", MAX(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "a1", MIN(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "a2", MAX(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "a3" FROM "staff";

--- the same aggregate twice
SELECT count(*), count(*) AS again, sum(year), SUM("year") FROM staff;
=>
SELECT COUNT(*) AS "a0", SUM("year") AS "a1" FROM "staff";

--- aggregates of empty groups
SELECT dept, count(age), sum(age), avg(age), min(age), min(hired), min(seen) FROM staff WHERE age IS NULL GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT("age") AS "a0", SUM("age") AS "a1", AVG("age") AS "a2", MIN("age") AS "a3", MIN(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "a4", MIN(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "a5" FROM "staff" WHERE "age" IS NULL GROUP BY 1 ORDER BY 1;

--- parentheses around everything
SELECT (count((age))), (count(DISTINCT (age))) FROM staff;
=>
SELECT COUNT("age") AS "a0", COUNT(DISTINCT "age") AS "a1" FROM "staff";

--- standard deviation
SELECT stddev(year), stddev(pay), stddev(DISTINCT year) FROM staff WHERE age < 30;
=>
SELECT STDDEV("year") AS "a0", CASE WHEN BOOL_AND(ABS("pay") < 1e149) THEN STDDEV(CASE WHEN ABS("pay") < 1e149 THEN "pay" END) END AS "a1", STDDEV(DISTINCT "year") AS "a2" FROM "staff" WHERE "age" < CAST('30' AS BIGINT);

--- median
SELECT median(year), median(pay), median(DISTINCT year), median(hired), median(seen) FROM staff WHERE age < 30;
=>
SELECT MEDIAN("year") AS "a0", MEDIAN("pay") AS "a1", MEDIAN(DISTINCT "year") AS "a2", MEDIAN(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "a3", MEDIAN(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "a4" FROM "staff" WHERE "age" < CAST('30' AS BIGINT);

--- deviation and median of groups
SELECT dept, stddev(year), median(year) FROM staff GROUP BY dept ORDER BY median(year), dept;
=>
SELECT "dept" AS "k0", STDDEV("year") AS "a0", MEDIAN("year") AS "a1" FROM "staff" GROUP BY 1 ORDER BY 1;
