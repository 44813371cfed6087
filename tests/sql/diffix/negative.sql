-- Negative equalities (§6.6, §6.13, §6.14).

--- a whole number
SELECT count(*) FROM staff WHERE age <> 20;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" <> CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age <> integer 20
-- layer dynamic: age <> integer 20

--- not equal
SELECT count(*) FROM staff WHERE NOT dept = 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" <> 'CS' HAVING COUNT(*) >= 2;
-- layer static: dept <> text CS
-- layer dynamic: dept <> text CS

--- not false is true
SELECT count(*) FROM staff WHERE active <> false;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "active" = TRUE HAVING COUNT(*) >= 2;
-- layer static: active = True, True, 1
-- layer dynamic: active = True, True, 1

--- NOT LIKE without a wildcard
SELECT count(*) FROM staff WHERE dept NOT LIKE 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" <> 'CS' HAVING COUNT(*) >= 2;
-- layer static: dept <> text CS
-- layer dynamic: dept <> text CS

--- a part of a text
SELECT count(*) FROM staff WHERE right(name, 5) <> 'Murry';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(RIGHT("name", CAST('5' AS BIGINT))) <> 'Murry' HAVING COUNT(*) >= 2;
-- layer static: name <> text Murry
-- layer dynamic: name <> text Murry
-- layer dynamic: name function right, 5, :<>

--- upper case
SELECT count(*) FROM staff WHERE upper(name) <> 'ANNA';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE UPPER("name") <> 'ANNA' HAVING COUNT(*) >= 2;
-- layer static: name <> text ANNA
-- layer dynamic: name <> text ANNA
-- layer static: name <> anna, :<>, :lower

--- lower case
SELECT count(*) FROM staff WHERE lower(name) <> 'anna';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE LOWER("name") <> 'anna' HAVING COUNT(*) >= 2;
-- layer static: name <> text anna
-- layer dynamic: name <> text anna
-- layer static: name <> anna, :<>, :lower

--- NOT ILIKE without a wildcard
SELECT count(*) FROM staff WHERE name NOT ILIKE 'ANNA';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT ("name" ILIKE 'ANNA') HAVING COUNT(*) >= 2;
-- layer static: name <> text ANNA
-- layer dynamic: name <> text ANNA
-- layer static: name <> anna, :<>, :lower
