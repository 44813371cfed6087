-- LIKE, ILIKE and their negations: a pair a wildcard (§6.11, §6.12).

--- one wildcard at the beginning
SELECT count(*) FROM staff WHERE name LIKE '%Murry';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" LIKE '%Murry' HAVING COUNT(*) >= 2;
-- layer static: name like 5, 0, %
-- layer dynamic: name like 5, 0, %

--- one character
SELECT count(*) FROM staff WHERE name LIKE 'ann_';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" LIKE 'ann_' HAVING COUNT(*) >= 2;
-- layer static: name like 4, 4, _
-- layer dynamic: name like 4, 4, _

--- idle wildcards move no other
SELECT count(*) FROM staff WHERE name LIKE '%a%n_a';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" LIKE '%a%n_a' HAVING COUNT(*) >= 2;
-- layer static: name like 4, 0, %
-- layer dynamic: name like 4, 0, %
-- layer static: name like 4, 1, %
-- layer dynamic: name like 4, 1, %
-- layer static: name like 4, 3, _
-- layer dynamic: name like 4, 3, _

--- repeated wildcards
SELECT count(*) FROM staff WHERE name LIKE 'an%%';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" LIKE 'an%%' HAVING COUNT(*) >= 2;
-- layer static: name like 2, 2, %
-- layer dynamic: name like 2, 2, %

--- a run of both
SELECT count(*) FROM staff WHERE name LIKE 'a_%_a';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" LIKE 'a_%_a' HAVING COUNT(*) >= 2;
-- layer static: name like 4, 1, %
-- layer dynamic: name like 4, 1, %
-- layer static: name like 4, 2, _
-- layer dynamic: name like 4, 2, _
-- layer static: name like 4, 3, _
-- layer dynamic: name like 4, 3, _

--- ILIKE
SELECT count(*) FROM staff WHERE name ILIKE 'AN%';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" ILIKE 'AN%' HAVING COUNT(*) >= 2;
-- layer static: name like 2, 2, %
-- layer dynamic: name like 2, 2, %

--- an escaped wildcard
SELECT count(*) FROM staff WHERE name LIKE 'an!_%' ESCAPE '!';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "name" LIKE 'an!_%' ESCAPE '!' HAVING COUNT(*) >= 2;
-- layer static: name like 3, 3, %
-- layer dynamic: name like 3, 3, %

--- of a part
SELECT count(*) FROM staff WHERE right(name, 5) LIKE 'M%';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(RIGHT("name", CAST('5' AS BIGINT))) LIKE 'M%' HAVING COUNT(*) >= 2;
-- layer static: name like 1, 1, %
-- layer dynamic: name like 1, 1, %
-- layer dynamic: name function right, 5

--- NOT LIKE
SELECT count(*) FROM staff WHERE name NOT LIKE '%Murry';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT ("name" LIKE '%Murry') HAVING COUNT(*) >= 2;
-- layer static: name like 5, 0, %, :not
-- layer dynamic: name like 5, 0, %, :not

--- NOT ILIKE
SELECT count(*) FROM staff WHERE name NOT ILIKE 'b_b%';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT ("name" ILIKE 'b_b%') HAVING COUNT(*) >= 2;
-- layer static: name like 3, 2, _, :not
-- layer dynamic: name like 3, 2, _, :not
-- layer static: name like 3, 3, %, :not
-- layer dynamic: name like 3, 3, %, :not

--- not of a part
SELECT count(*) FROM staff WHERE left(name, 3) NOT LIKE 'b%';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE NOT (TRY(LEFT("name", CAST('3' AS BIGINT))) LIKE 'b%') HAVING COUNT(*) >= 2;
-- layer static: name like 1, 1, %, :not
-- layer dynamic: name like 1, 1, %, :not
-- layer dynamic: name function left, 3, :<>
