--- a join on the uid
SELECT a.dept, count(b.age) FROM staff AS a JOIN staff AS b ON a.uid = b.uid GROUP BY a.dept;
=>
SELECT "dept" AS "k0", COUNT("staff 2.age") AS "a0" FROM (SELECT *, ROW("#join row 0", "#join row 1") AS "#row" FROM (SELECT "#row" AS "#join row 0", "uid" AS "uid", "#uid_hash", "dept" FROM "staff") AS "#join 0" JOIN (SELECT "#row" AS "#join row 1", "uid" AS "#join uid 1", "age" AS "staff 2.age" FROM "staff") AS "#join 1" ON "uid" = "#join uid 1") AS joined GROUP BY 1 ORDER BY 1;

--- a list of tables is a join
SELECT count(*) FROM staff b, staff a WHERE a.uid = b.uid AND b.age = 20 AND a.pay < b.pay;
=>
SELECT COUNT(*) AS "a0" FROM (SELECT *, ROW("#join row 0", "#join row 1") AS "#row" FROM (SELECT "#row" AS "#join row 0", "uid" AS "uid", "#uid_hash", "age", "pay" FROM "staff") AS "#join 0" JOIN (SELECT "#row" AS "#join row 1", "uid" AS "#join uid 1", "pay" AS "staff 2.pay" FROM "staff") AS "#join 1" ON "uid" = "#join uid 1") AS joined WHERE ("age" = CAST('20' AS BIGINT)) AND ("staff 2.pay" < "pay");

--- a left join, with a condition beside the uid
SELECT count(*), max(b.pay) FROM staff LEFT JOIN staff b ON staff.uid = b.uid AND b.dept = 'CS' WHERE staff.age = 20;
=>
SELECT COUNT(*) AS "a0", MAX("staff 2.pay") AS "a1" FROM (SELECT *, ROW("#join row 0", "#join row 1") AS "#row" FROM (SELECT "#row" AS "#join row 0", "uid" AS "uid", "#uid_hash", "age" FROM "staff") AS "#join 0" LEFT JOIN (SELECT "#row" AS "#join row 1", "uid" AS "#join uid 1", "pay" AS "staff 2.pay", "dept" AS "staff 2.dept" FROM "staff") AS "#join 1" ON "uid" = "#join uid 1" AND ("staff 2.dept" = 'CS')) AS joined WHERE "age" = CAST('20' AS BIGINT);

--- a right join is a left join
SELECT count(*), max(b.pay) FROM staff b RIGHT JOIN staff ON b.dept = 'CS' AND staff.uid = b.uid WHERE staff.age = 20;
=>
SELECT COUNT(*) AS "a0", MAX("staff 2.pay") AS "a1" FROM (SELECT *, ROW("#join row 0", "#join row 1") AS "#row" FROM (SELECT "#row" AS "#join row 0", "uid" AS "uid", "#uid_hash", "age" FROM "staff") AS "#join 0" LEFT JOIN (SELECT "#row" AS "#join row 1", "uid" AS "#join uid 1", "pay" AS "staff 2.pay", "dept" AS "staff 2.dept" FROM "staff") AS "#join 1" ON "uid" = "#join uid 1" AND ("staff 2.dept" = 'CS')) AS joined WHERE "age" = CAST('20' AS BIGINT);

--- [users uid_xor] users of joined rows, of which one can have several
SELECT count(*) FROM staff AS a JOIN staff AS b USING (uid);
=>
SELECT COUNT(*) AS "a0", COUNT(DISTINCT "uid") AS "users", BIT_XOR(DISTINCT "#uid_hash") AS "uid_xor" FROM (SELECT *, ROW("#join row 0", "#join row 1") AS "#row" FROM (SELECT "#row" AS "#join row 0", "uid" AS "uid", "#uid_hash" FROM "staff") AS "#join 0" JOIN (SELECT "#row" AS "#join row 1", "uid" AS "#join uid 1" FROM "staff") AS "#join 1" ON "uid" = "#join uid 1") AS joined;

--- what the rows of a join give of each user
SELECT n, count(*) FROM (SELECT uid, count(*) AS n FROM staff AS a JOIN staff AS b USING (uid) WHERE b.age = 20 GROUP BY uid) AS x GROUP BY n;
=>
SELECT "#user count(*)" AS "k0", COUNT(*) AS "a0" FROM (SELECT "uid", ANY_VALUE("#uid_hash") AS "#uid_hash", MIN("#row") AS "#row", COUNT(*) AS "#user count(*)" FROM (SELECT *, ROW("#join row 0", "#join row 1") AS "#row" FROM (SELECT "#row" AS "#join row 0", "uid" AS "uid", "#uid_hash" FROM "staff") AS "#join 0" JOIN (SELECT "#row" AS "#join row 1", "uid" AS "#join uid 1", "age" AS "staff 2.age" FROM "staff") AS "#join 1" ON "uid" = "#join uid 1") AS joined WHERE "staff 2.age" = CAST('20' AS BIGINT) GROUP BY "uid") AS users GROUP BY 1 ORDER BY 1;
