-- Without a condition there is one dynamic layer (§6.3).

--- no condition
SELECT count(*) FROM staff;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" HAVING COUNT(*) >= 2;
-- layer dynamic: none

--- no condition, distinct users
SELECT count(DISTINCT uid) FROM staff;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" HAVING COUNT(*) >= 2;
-- layer dynamic: none
