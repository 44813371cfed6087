--- having
SELECT dept, count(*) FROM staff GROUP BY dept HAVING count(*) > 1;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having by alias
SELECT dept, count(*) AS n FROM staff GROUP BY dept HAVING n > 1;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having about another aggregate
SELECT dept FROM staff GROUP BY dept HAVING sum(year) > 2020 OR min(age) IS NULL;
=>
SELECT "dept" AS "k0", SUM("year") AS "a0", MIN("age") AS "a1" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having about a key
SELECT dept, count(*) FROM staff GROUP BY dept HAVING dept > 'CS';
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having without groups
SELECT count(*) FROM staff HAVING count(*) > 100;
=>
SELECT COUNT(*) AS "a0" FROM "staff";

--- having, unknown is not true
SELECT dept, min(year) FROM staff GROUP BY dept HAVING NOT min(year) > 2020;
=>
SELECT "dept" AS "k0", MIN("year") AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having about a date key
SELECT hired, count(*) FROM staff GROUP BY hired HAVING hired > DATE '2020-01-01';
=>
SELECT "hired" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having about a date key and its aggregate
SELECT hired, count(*) FROM staff GROUP BY hired HAVING hired = max(hired);
=>
SELECT "hired" AS "k0", COUNT(*) AS "a0", MAX(EPOCH_US(CAST("hired" AS TIMESTAMP))) AS "a1" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having about a time key
SELECT seen, count(*) FROM staff GROUP BY seen HAVING seen IN ('2020-01-01', '2020-01-01 10:00:00');
=>
SELECT "seen" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having about a truth key
SELECT active, count(*) FROM staff GROUP BY active HAVING NOT active;
=>
SELECT "active" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having with like
SELECT dept, count(*) FROM staff GROUP BY dept HAVING dept ILIKE '%A!%%' ESCAPE '!' OR dept LIKE 'C_';
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having with between
SELECT dept, count(*) FROM staff GROUP BY dept HAVING count(*) NOT BETWEEN 2 AND 3 AND dept IS NOT NULL;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- having between columns of the answer
SELECT year, count(*) FROM staff GROUP BY year HAVING year > count(*);
=>
SELECT "year" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order by a key
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order descending
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept DESC;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order, nulls first
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept NULLS FIRST;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order descending, nulls first
SELECT pay, count(*) FROM staff GROUP BY pay ORDER BY pay DESC NULLS FIRST;
=>
SELECT "pay" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order descending, nulls last
SELECT pay, count(*) FROM staff GROUP BY pay ORDER BY pay DESC NULLS LAST;
=>
SELECT "pay" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order by position and alias
SELECT dept, count(*) AS n FROM staff GROUP BY dept ORDER BY 2 DESC, n, 1;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order by an aggregate that is not shown
SELECT dept FROM staff GROUP BY dept ORDER BY max(year) DESC, count(*), dept;
=>
SELECT "dept" AS "k0", MAX("year") AS "a0", COUNT(*) AS "a1" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order: the alias wins over the column
SELECT dept, count(*) AS year FROM staff GROUP BY dept ORDER BY year DESC, dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order by dates
SELECT hired, max(seen) FROM staff GROUP BY hired ORDER BY hired DESC;
=>
SELECT "hired" AS "k0", MAX(EPOCH_US(CAST("seen" AS TIMESTAMP))) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- order by truth
SELECT active, count(*) FROM staff GROUP BY active ORDER BY active;
=>
SELECT "active" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- limit
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept LIMIT 2;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- limit with zeros before
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept LIMIT 00000000000000000000002;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- limit zero
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept LIMIT 0;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- a limit beyond the rows
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept LIMIT 1000000000000000000;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- offset
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept LIMIT 2 OFFSET 1;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- offset alone
SELECT dept, count(*) FROM staff GROUP BY dept ORDER BY dept OFFSET 3;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- all at once
SELECT dept, count(*) AS n FROM staff WHERE year > 0 GROUP BY dept HAVING n >= 1 ORDER BY n DESC, dept NULLS FIRST LIMIT 3 OFFSET 1;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" WHERE "year" > CAST('0' AS BIGINT) GROUP BY 1 ORDER BY 1;
