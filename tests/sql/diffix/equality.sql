-- Positive equalities that are clear (§6.2, §6.5), of parts of texts too (§6.13), and what is one in other words.

--- a whole number
SELECT count(*) FROM staff WHERE age = 20;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" = CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age = integer 20, integer 20, 1
-- layer dynamic: age = integer 20, integer 20, 1

--- a whole number, other spellings
SELECT count(*) FROM staff WHERE 20.0 = age;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" = CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age = integer 20, integer 20, 1
-- layer dynamic: age = integer 20, integer 20, 1

--- a text
SELECT count(*) FROM staff WHERE dept = 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" = 'CS' HAVING COUNT(*) >= 2;
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1

--- a real number
SELECT count(*) FROM staff WHERE pay = 1;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "pay" = CAST('1.0' AS DOUBLE) HAVING COUNT(*) >= 2;
-- layer static: pay = number 1.0, number 1.0, 1
-- layer dynamic: pay = number 1.0, number 1.0, 1

--- a truth value
SELECT count(*) FROM staff WHERE active;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "active" = TRUE HAVING COUNT(*) >= 2;
-- layer static: active = True, True, 1
-- layer dynamic: active = True, True, 1

--- a date
SELECT count(*) FROM staff WHERE hired = '2020-01-10';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "hired" = CAST('2020-01-10' AS DATE) HAVING COUNT(*) >= 2;
-- layer static: hired = date 2020-01-10, date 2020-01-10, 1
-- layer dynamic: hired = date 2020-01-10, date 2020-01-10, 1

--- a moment
SELECT count(*) FROM staff WHERE seen = '2020-01-01 12:00:00';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "seen" = CAST('2020-01-01 12:00:00' AS TIMESTAMP) HAVING COUNT(*) >= 2;
-- layer static: seen = datetime 2020-01-01T12:00:00, datetime 2020-01-01T12:00:00, 1
-- layer dynamic: seen = datetime 2020-01-01T12:00:00, datetime 2020-01-01T12:00:00, 1

--- IN of one value
SELECT count(*) FROM staff WHERE age IN (20, 20.0);
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "age" = CAST('20' AS BIGINT) HAVING COUNT(*) >= 2;
-- layer static: age = integer 20, integer 20, 1
-- layer dynamic: age = integer 20, integer 20, 1

--- LIKE without a wildcard
SELECT count(*) FROM staff WHERE dept LIKE 'CS';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" = 'CS' HAVING COUNT(*) >= 2;
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1

--- two columns by AND
SELECT count(*) FROM staff WHERE dept = 'CS' AND active = false;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE ("dept" = 'CS') AND ("active" = FALSE) HAVING COUNT(*) >= 2;
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1
-- layer static: active = False, False, 1
-- layer dynamic: active = False, False, 1

--- the same condition again
SELECT count(*) FROM staff WHERE dept = 'CS' AND 'CS' = dept;
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE "dept" = 'CS' HAVING COUNT(*) >= 2;
-- layer static: dept = text CS, text CS, 1
-- layer dynamic: dept = text CS, text CS, 1

--- left
SELECT count(*) FROM staff WHERE left(name, 2) = 'an';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(LEFT("name", CAST('2' AS BIGINT))) = 'an' HAVING COUNT(*) >= 2;
-- layer static: name = text an, text an, 1
-- layer dynamic: name = text an, text an, 1
-- layer dynamic: name function left, 2

--- right
SELECT count(*) FROM staff WHERE right(name, 5) = 'Murry';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(RIGHT("name", CAST('5' AS BIGINT))) = 'Murry' HAVING COUNT(*) >= 2;
-- layer static: name = text Murry, text Murry, 1
-- layer dynamic: name = text Murry, text Murry, 1
-- layer dynamic: name function right, 5

--- substring from the beginning is left
SELECT count(*) FROM staff WHERE substring(name FROM 0 FOR 2) = 'an';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(LEFT("name", CAST('2' AS BIGINT))) = 'an' HAVING COUNT(*) >= 2;
-- layer static: name = text an, text an, 1
-- layer dynamic: name = text an, text an, 1
-- layer dynamic: name function left, 2

--- substring
SELECT count(*) FROM staff WHERE substring(name FROM 2 FOR 2) = 'nn';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(SUBSTRING("name", CAST('2' AS BIGINT), CAST('2' AS BIGINT))) = 'nn' HAVING COUNT(*) >= 2;
-- layer static: name = text nn, text nn, 1
-- layer dynamic: name = text nn, text nn, 1
-- layer dynamic: name function substring, 2, 2

--- the characters of a trim in order, each once
SELECT count(*) FROM staff WHERE trim(LEADING 'yaMya' FROM name) = 'nna';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE LTRIM("name", 'yaMya') = 'nna' HAVING COUNT(*) >= 2;
-- layer static: name = text nna, text nna, 1
-- layer dynamic: name = text nna, text nna, 1
-- layer dynamic: name function ltrim, May

--- trim on both sides
SELECT count(*) FROM staff WHERE trim(name) = 'bob';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRIM("name", ' ') = 'bob' HAVING COUNT(*) >= 2;
-- layer static: name = text bob, text bob, 1
-- layer dynamic: name = text bob, text bob, 1
-- layer dynamic: name function btrim, ' '

--- trim at the end
SELECT count(*) FROM staff WHERE rtrim(name, 'y') = 'bobb';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE RTRIM("name", 'y') = 'bobb' HAVING COUNT(*) >= 2;
-- layer static: name = text bobb, text bobb, 1
-- layer dynamic: name = text bobb, text bobb, 1
-- layer dynamic: name function rtrim, y

--- two functions
SELECT count(*) FROM staff WHERE left(trim(name), 2) = 'bo';
=>
SELECT COUNT(*) AS "a0", COUNT(*) AS "users", BIT_XOR("#uid_hash") AS "uid_xor" FROM "staff" WHERE TRY(LEFT(TRIM("name", ' '), CAST('2' AS BIGINT))) = 'bo' HAVING COUNT(*) >= 2;
-- layer static: name = text bo, text bo, 1
-- layer dynamic: name = text bo, text bo, 1
-- layer dynamic: name function btrim, ' '
-- layer dynamic: name function left, 2
