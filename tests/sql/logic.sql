--- and
SELECT count(*) FROM staff WHERE age = 20 AND dept = 'CS';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) AND ("dept" = 'CS');

--- or
SELECT count(*) FROM staff WHERE age = 20 OR dept = 'CS';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) OR ("dept" = 'CS');

--- and binds tighter
SELECT count(*) FROM staff WHERE age = 20 OR dept = 'CS' AND active;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) OR (("dept" = 'CS') AND ("active" = TRUE));

--- parentheses
SELECT count(*) FROM staff WHERE (age = 20 OR dept = 'CS') AND active;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE (("age" = CAST('20' AS BIGINT)) OR ("dept" = 'CS')) AND ("active" = TRUE);

--- a chain of and
SELECT count(*) FROM staff WHERE age = 20 AND dept = 'CS' AND active AND year = 2020;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) AND ("dept" = 'CS') AND ("active" = TRUE) AND ("year" = CAST('2020' AS BIGINT));

--- nested and is flat
SELECT count(*) FROM staff WHERE age = 20 AND (dept = 'CS' AND (active AND year = 2020));
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) AND ("dept" = 'CS') AND ("active" = TRUE) AND ("year" = CAST('2020' AS BIGINT));

--- nested or is flat
SELECT count(*) FROM staff WHERE (age = 20 OR dept = 'CS') OR year = 1;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" = CAST('20' AS BIGINT)) OR ("dept" = 'CS') OR ("year" = CAST('1' AS BIGINT));

--- not equal
SELECT count(*) FROM staff WHERE NOT age = 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" <> CAST('20' AS BIGINT);

--- not unequal
SELECT count(*) FROM staff WHERE NOT age <> 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- not less
SELECT count(*) FROM staff WHERE NOT age < 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("age" < CAST('20' AS BIGINT));

--- not not
SELECT count(*) FROM staff WHERE NOT NOT age < 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" < CAST('20' AS BIGINT);

--- not in a list, from outside
SELECT count(*) FROM staff WHERE NOT dept IN ('CS', 'law');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT "dept" IN ('CS', 'law');

--- not not in a list
SELECT count(*) FROM staff WHERE NOT dept NOT IN ('CS', 'law');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" IN ('CS', 'law');

--- not of is null
SELECT count(*) FROM staff WHERE NOT dept IS NULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("dept" IS NULL);

--- not of is not null
SELECT count(*) FROM staff WHERE NOT dept IS NOT NULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" IS NULL;

--- not of and
SELECT count(*) FROM staff WHERE NOT (age = 20 AND dept = 'CS');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT (("age" = CAST('20' AS BIGINT)) AND ("dept" = 'CS'));

--- not of or
SELECT count(*) FROM staff WHERE NOT (age = 20 OR dept = 'CS');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT (("age" = CAST('20' AS BIGINT)) OR ("dept" = 'CS'));

--- not binds tighter than and
SELECT count(*) FROM staff WHERE NOT age = 20 AND dept = 'CS';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" <> CAST('20' AS BIGINT)) AND ("dept" = 'CS');

--- not of between
SELECT count(*) FROM staff WHERE NOT age BETWEEN 0 AND 20 OR NOT age NOT BETWEEN 1 AND 3;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE (NOT ("age" BETWEEN CAST('0' AS BIGINT) AND CAST('20' AS BIGINT))) OR ("age" BETWEEN CAST('1' AS BIGINT) AND CAST('3' AS BIGINT));

--- not between and and
SELECT count(*) FROM staff WHERE age BETWEEN 0 AND 20 AND dept IS NOT NULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("age" BETWEEN CAST('0' AS BIGINT) AND CAST('20' AS BIGINT)) AND (NOT ("dept" IS NULL));
