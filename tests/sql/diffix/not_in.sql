-- NOT IN is its inequalities (§6.10).

--- whole numbers
SELECT count(*) FROM staff WHERE age NOT IN (20, 21);
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT "age" IN (CAST('20' AS BIGINT), CAST('21' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age <> integer 20
-- layer dynamic: age <> integer 20
-- layer static: age <> integer 21
-- layer dynamic: age <> integer 21

--- one value
SELECT count(*) FROM staff WHERE age NOT IN (20);
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" <> CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age <> integer 20
-- layer dynamic: age <> integer 20

--- two inequalities
SELECT count(*) FROM staff WHERE age <> 20 AND age <> 21;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE ("age" <> CAST('20' AS BIGINT)) AND ("age" <> CAST('21' AS BIGINT)) HAVING COUNT(*) >= 2;
-- layer static: age <> integer 20
-- layer dynamic: age <> integer 20
-- layer static: age <> integer 21
-- layer dynamic: age <> integer 21

--- parts of texts
SELECT count(*) FROM staff WHERE left(name, 2) NOT IN ('an', 'bo');
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT TRY(LEFT("name", CAST('2' AS BIGINT))) IN ('an', 'bo') HAVING COUNT(*) >= 2;
-- layer static: name <> text an
-- layer dynamic: name <> text an
-- layer static: name <> text bo
-- layer dynamic: name <> text bo
-- layer dynamic: name function left, 2, :<>

--- upper case
SELECT count(*) FROM staff WHERE upper(name) NOT IN ('ANNA', 'BOB');
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT UPPER("name") IN ('ANNA', 'BOB') HAVING COUNT(*) >= 2;
-- layer static: name <> text ANNA
-- layer dynamic: name <> text ANNA
-- layer static: name <> anna, :<>, :lower
-- layer static: name <> text BOB
-- layer dynamic: name <> text BOB
-- layer static: name <> bob, :<>, :lower
