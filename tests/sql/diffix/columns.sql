-- Columns compared with one another (Appendix A).

--- equal columns
SELECT count(*) FROM staff WHERE name = dept;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" = "dept" HAVING COUNT(*) >= 2;
-- layer static: = column dept, name
-- layer dynamic: = column dept, name

--- the other way round
SELECT count(*) FROM staff WHERE dept = name;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" = "name" HAVING COUNT(*) >= 2;
-- layer static: = column dept, name
-- layer dynamic: = column dept, name

--- different columns
SELECT count(*) FROM staff WHERE pay <> age;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "pay" <> "age" HAVING COUNT(*) >= 2;
-- layer static: <> column age, pay
-- layer dynamic: <> column age, pay
