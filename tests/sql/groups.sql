--- by name
SELECT dept, count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- by position
SELECT dept, count(*) FROM staff GROUP BY 1;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- by alias
SELECT dept AS d, count(*) FROM staff GROUP BY d;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- by all
SELECT dept, count(*), active FROM staff GROUP BY ALL;
=>
SELECT "dept" AS "k0", "active" AS "k1", COUNT(*) AS "a0" FROM "staff" GROUP BY 1, 2 ORDER BY 1, 2;

--- by all, aggregates only
SELECT count(*) FROM staff GROUP BY ALL;
=>
SELECT COUNT(*) AS "a0" FROM "staff";

--- by two columns
SELECT dept, active, count(*) FROM staff GROUP BY active, dept;
=>
SELECT "active" AS "k0", "dept" AS "k1", COUNT(*) AS "a0" FROM "staff" GROUP BY 1, 2 ORDER BY 1, 2;

--- by a column that is not shown
SELECT count(*) FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- by the same column twice
SELECT dept, dept AS again, count(*) FROM staff GROUP BY dept, 2, staff.dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- the column wins over the alias
SELECT age AS year, count(*) FROM staff GROUP BY year, age;
=>
SELECT "year" AS "k0", "age" AS "k1", COUNT(*) AS "a0" FROM "staff" GROUP BY 1, 2 ORDER BY 1, 2;

--- keys only
SELECT dept, year FROM staff GROUP BY 2, 1;
=>
SELECT "year" AS "k0", "dept" AS "k1" FROM "staff" GROUP BY 1, 2 ORDER BY 1, 2;

--- keys of every kind
SELECT uid, age, pay, active, hired, seen, count(*) FROM staff GROUP BY ALL;
=>
SELECT "uid" AS "k0", "age" AS "k1", "pay" AS "k2", "active" AS "k3", "hired" AS "k4", "seen" AS "k5", COUNT(*) AS "a0" FROM "staff" GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6;

--- zero and negative zero are one group
SELECT pay, count(*) FROM staff GROUP BY pay;
=>
SELECT "pay" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- null is a group
SELECT active, count(active), count(*) FROM staff GROUP BY active;
=>
SELECT "active" AS "k0", COUNT("active") AS "a0", COUNT(*) AS "a1" FROM "staff" GROUP BY 1 ORDER BY 1;

--- an aggregate before the key
SELECT count(*), dept FROM staff GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- parentheses around a column
SELECT (dept), count(*) FROM staff GROUP BY (dept);
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- with a condition
SELECT dept, count(*) FROM staff WHERE age > 0 GROUP BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" WHERE "age" > CAST('0' AS BIGINT) GROUP BY 1 ORDER BY 1;
