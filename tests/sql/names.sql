--- case does not matter
select COUNT(*), DEPT from STAFF where Age = 20 group by Dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT) GROUP BY 1 ORDER BY 1;

--- quoted names
SELECT "dept", count("age") FROM "staff" WHERE "year" = 2020 GROUP BY "dept";
=>
SELECT "dept" AS "k0", COUNT("age") AS "a0" FROM "staff" WHERE "year" = CAST('2020' AS BIGINT) GROUP BY 1 ORDER BY 1;

--- quoted names in other case
SELECT "DEPT", count(*) FROM "Staff" GROUP BY "Dept";
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- a name with quotes, a space and an umlaut
SELECT "odd ""col"" größe", count(*) FROM staff GROUP BY 1;
=>
SELECT "odd ""col"" größe" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- a name that is a keyword elsewhere
SELECT year, count(*) FROM staff WHERE year > 2000 GROUP BY year;
=>
SELECT "year" AS "k0", COUNT(*) AS "a0" FROM "staff" WHERE "year" > CAST('2000' AS BIGINT) GROUP BY 1 ORDER BY 1;

--- the table before the column
SELECT staff.dept, count(staff.age) FROM staff WHERE staff.active GROUP BY staff.dept;
=>
SELECT "dept" AS "k0", COUNT("age") AS "a0" FROM "staff" WHERE "active" = TRUE GROUP BY 1 ORDER BY 1;

--- a table alias
SELECT s.dept, count(*) FROM staff AS s WHERE s.age = 20 GROUP BY s.dept;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT) GROUP BY 1 ORDER BY 1;

--- a table alias without AS
SELECT count(S.uid) FROM staff s;
=>
SELECT COUNT("uid") AS "a0" FROM "staff";

--- an alias that is a keyword elsewhere
SELECT dept AS date, count(*) AS row FROM staff GROUP BY date ORDER BY row, date;
=>
SELECT "dept" AS "k0", COUNT(*) AS "a0" FROM "staff" GROUP BY 1 ORDER BY 1;

--- comments
SELECT /* one */ count(*) -- two FROM other
FROM staff /* WHERE age = 20 */ WHERE age = 20 --three;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- line breaks and tabs
SELECT
	count(*)
FROM
  staff
WHERE	age
=
20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- nothing but necessary spaces
SELECT count(*)FROM staff WHERE age=20AND(dept='CS');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) AND ("dept" = 'CS');
