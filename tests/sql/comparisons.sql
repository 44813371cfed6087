--- equal
SELECT count(*) FROM staff WHERE age = 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- equal, two signs
SELECT count(*) FROM staff WHERE age == 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- unequal
SELECT count(*) FROM staff WHERE dept <> 'CS';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" <> 'CS';

--- unequal, other spelling
SELECT count(*) FROM staff WHERE dept != 'CS';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" <> 'CS';

--- less
SELECT count(*) FROM staff WHERE age < 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" < CAST('20' AS BIGINT);

--- less or equal
SELECT count(*) FROM staff WHERE age <= 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" <= CAST('20' AS BIGINT);

--- greater
SELECT count(*) FROM staff WHERE pay > 0;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" > CAST('0.0' AS DOUBLE);

--- greater or equal
SELECT count(*) FROM staff WHERE pay >= 0;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" >= CAST('0.0' AS DOUBLE);

--- constant on the left
SELECT count(*) FROM staff WHERE 20 > age;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" < CAST('20' AS BIGINT);

--- constant on the left, equal
SELECT count(*) FROM staff WHERE 'CS' = dept;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" = 'CS';

--- two columns
SELECT count(*) FROM staff WHERE year >= "odd ""col"" größe";
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "year" >= "odd ""col"" größe";

--- an integer and a real column
SELECT count(*) FROM staff WHERE age < pay;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" < "pay";

--- a column and itself
SELECT count(*) FROM staff WHERE name = name;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" = "name";

--- a column and itself in parentheses
SELECT count(*) FROM staff WHERE (seen) <= ((seen));
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "seen" <= "seen";

--- between
SELECT count(*) FROM staff WHERE age BETWEEN -3 AND 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" BETWEEN CAST('-3' AS BIGINT) AND CAST('20' AS BIGINT);

--- between the wrong way round
SELECT count(*) FROM staff WHERE age BETWEEN 20 AND -3;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" BETWEEN CAST('20' AS BIGINT) AND CAST('-3' AS BIGINT);

--- not between
SELECT count(*) FROM staff WHERE age NOT BETWEEN 0 AND 20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("age" BETWEEN CAST('0' AS BIGINT) AND CAST('20' AS BIGINT));

--- in
SELECT count(*) FROM staff WHERE dept IN ('CS', 'law');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" IN ('CS', 'law');

--- in, repeated values
SELECT count(*) FROM staff WHERE age IN (20, '20', 20.0, 21);
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" IN (CAST('20' AS BIGINT), CAST('21' AS BIGINT));

--- in, one value
SELECT count(*) FROM staff WHERE dept IN ('CS');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" = 'CS';

--- not in
SELECT count(*) FROM staff WHERE dept NOT IN ('CS', '');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT "dept" IN ('CS', '');

--- not in, one value
SELECT count(*) FROM staff WHERE age NOT IN (20);
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" <> CAST('20' AS BIGINT);

--- is null
SELECT count(*) FROM staff WHERE dept IS NULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" IS NULL;

--- is null, one word
SELECT count(*) FROM staff WHERE dept ISNULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" IS NULL;

--- is not null
SELECT count(*) FROM staff WHERE hired IS NOT NULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("hired" IS NULL);

--- is not null, one word
SELECT count(*) FROM staff WHERE hired NOTNULL;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE NOT ("hired" IS NULL);

--- a truth column
SELECT count(*) FROM staff WHERE active;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "active" = TRUE;

--- a truth column, denied
SELECT count(*) FROM staff WHERE NOT active;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "active" <> TRUE;

--- a truth column, compared
SELECT count(*) FROM staff WHERE active <> TRUE;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "active" <> TRUE;

--- texts in order
SELECT count(*) FROM staff WHERE dept > 'CS' AND dept < '日';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("dept" > 'CS') AND ("dept" < '日');
