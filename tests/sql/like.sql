--- like
SELECT count(*) FROM staff WHERE name LIKE 'a%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE 'a%';

--- like one character
SELECT count(*) FROM staff WHERE name LIKE 'a_b';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE 'a_b';

--- like, no wildcard
SELECT count(*) FROM staff WHERE dept LIKE 'CS';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" LIKE 'CS';

--- like everything
SELECT count(*) FROM staff WHERE name LIKE '%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE '%';

--- like across lines
SELECT count(*) FROM staff WHERE name LIKE '%--%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE '%--%';

--- not like
SELECT count(*) FROM staff WHERE dept NOT LIKE 'C%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("dept" LIKE 'C%');

--- not of like
SELECT count(*) FROM staff WHERE NOT dept LIKE 'C%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("dept" LIKE 'C%');

--- like with an operator
SELECT count(*) FROM staff WHERE name ~~ '%a%' AND name !~~ '%n';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("name" LIKE '%a%') AND (NOT ("name" LIKE '%n'));

--- ilike
SELECT count(*) FROM staff WHERE name ILIKE 'é%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" ILIKE 'é%';

--- not ilike
SELECT count(*) FROM staff WHERE name NOT ILIKE 'É%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("name" ILIKE 'É%');

--- escape
SELECT count(*) FROM staff WHERE name LIKE '%!%' ESCAPE '!';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE '%!%' ESCAPE '!';

--- escape of an underscore
SELECT count(*) FROM staff WHERE name LIKE 'a#_%' ESCAPE '#';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE 'a#_%' ESCAPE '#';

--- escape of itself
SELECT count(*) FROM staff WHERE name LIKE '!!%' ESCAPE '!';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE '!!%' ESCAPE '!';

--- escape by a backslash
SELECT count(*) FROM staff WHERE name LIKE 'a\_b' ESCAPE '\';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE 'a\_b' ESCAPE '\';

--- escape by a percent sign
SELECT count(*) FROM staff WHERE name LIKE '100%%' ESCAPE '%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE '100%%' ESCAPE '%';

--- escape by a letter
SELECT count(*) FROM staff WHERE name LIKE '%x%' ESCAPE 'x';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE '%x%' ESCAPE 'x';

--- not like with escape
SELECT count(*) FROM staff WHERE name NOT LIKE '%!%' ESCAPE '!';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("name" LIKE '%!%' ESCAPE '!');

--- ilike with escape
SELECT count(*) FROM staff WHERE name ILIKE 'A!_B' ESCAPE '!';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" ILIKE 'A!_B' ESCAPE '!';

--- a backslash escapes nothing by itself
SELECT count(*) FROM staff WHERE name LIKE 'a\_';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE 'a\_';

--- a quote in a pattern
SELECT count(*) FROM staff WHERE name LIKE 'O''%';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" LIKE 'O''%';
