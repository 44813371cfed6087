--- a whole number in quotes
SELECT count(*) FROM staff WHERE age = '20';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- a whole number with a point
SELECT count(*) FROM staff WHERE age = 20.0;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- a whole number with an exponent
SELECT count(*) FROM staff WHERE age = 2e1;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- a negative number
SELECT count(*) FROM staff WHERE age = -3;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('-3' AS BIGINT);

--- a number with a plus
SELECT count(*) FROM staff WHERE age = +20;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('20' AS BIGINT);

--- a broken number beside whole ones
SELECT count(*) FROM staff WHERE age > 20.5;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" > CAST('20.5' AS DOUBLE);

--- a number beyond a double's digits
SELECT count(*) FROM staff WHERE age = 9007199254740993;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('9007199254740993' AS BIGINT);

--- the same with a point
SELECT count(*) FROM staff WHERE age = 9007199254740993.0;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('9007199254740993' AS BIGINT);

--- the largest whole number
SELECT count(*) FROM staff WHERE age = 9223372036854775807;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('9223372036854775807' AS BIGINT);

--- the smallest whole number
SELECT count(*) FROM staff WHERE age = -9223372036854775808;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "age" = CAST('-9223372036854775808' AS BIGINT);

--- a real number
SELECT count(*) FROM staff WHERE pay = 1.5;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" = CAST('1.5' AS DOUBLE);

--- a whole number beside real ones
SELECT count(*) FROM staff WHERE pay >= 1;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" >= CAST('1.0' AS DOUBLE);

--- negative zero
SELECT count(*) FROM staff WHERE pay = -0.0;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" = CAST('0.0' AS DOUBLE);

--- zero
SELECT count(*) FROM staff WHERE pay = 0;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" = CAST('0.0' AS DOUBLE);

--- a large real number
SELECT count(*) FROM staff WHERE pay = 1e300;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" = CAST('1e+300' AS DOUBLE);

--- a small real number
SELECT count(*) FROM staff WHERE pay = 1e-300;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "pay" = CAST('1e-300' AS DOUBLE);

--- text with a quote
SELECT count(*) FROM staff WHERE name = 'O''Hara';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" = 'O''Hara';

--- text with double quotes
SELECT count(*) FROM staff WHERE name = 'say "hi"';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" = 'say "hi"';

--- text with a backslash
SELECT count(*) FROM staff WHERE name = 'a\b';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" = 'a\b';

--- text that looks like SQL
SELECT count(*) FROM staff WHERE name IN ('; DROP TABLE staff; --', 'x'' OR ''1''=''1');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "name" IN ('; DROP TABLE staff; --', 'x'' OR ''1''=''1');

--- text of other letters
SELECT count(*) FROM staff WHERE dept IN ('日本', 'Élan');
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "dept" IN ('日本', 'Élan');

--- empty text is not null
SELECT count(*) FROM staff WHERE dept = '' OR dept = 'NULL';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("dept" = '') OR ("dept" = 'NULL');

--- true
SELECT count(*) FROM staff WHERE active = TRUE;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "active" = TRUE;

--- false in quotes
SELECT count(*) FROM staff WHERE active = 'false';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "active" = FALSE;

--- a date
SELECT count(*) FROM staff WHERE hired = DATE '2020-01-01';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "hired" = CAST('2020-01-01' AS DATE);

--- a date as text
SELECT count(*) FROM staff WHERE hired = '2020-01-01';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "hired" = CAST('2020-01-01' AS DATE);

--- a date as a cast text
SELECT count(*) FROM staff WHERE hired = CAST('2020-01-01' AS DATE) OR hired = '2020-02-29'::DATE;
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("hired" = CAST('2020-01-01' AS DATE)) OR ("hired" = CAST('2020-02-29' AS DATE));

--- dates at the ends
SELECT count(*) FROM staff WHERE hired = DATE '9999-12-31' OR hired <= DATE '0001-01-01';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE ("hired" = CAST('9999-12-31' AS DATE)) OR ("hired" <= CAST('0001-01-01' AS DATE));

--- a date beside a time of day
SELECT count(*) FROM staff WHERE hired < TIMESTAMP '2020-01-01 12:00:00';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "hired" < CAST('2020-01-01 12:00:00' AS TIMESTAMP);

--- a date beside midnight
SELECT count(*) FROM staff WHERE hired = TIMESTAMP '2020-01-01 00:00:00';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "hired" = CAST('2020-01-01' AS DATE);

--- a time
SELECT count(*) FROM staff WHERE seen = TIMESTAMP '2020-01-01 10:00:00';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "seen" = CAST('2020-01-01 10:00:00' AS TIMESTAMP);

--- a time to the microsecond
SELECT count(*) FROM staff WHERE seen = '2021-02-28 23:59:59.999999';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "seen" = CAST('2021-02-28 23:59:59.999999' AS TIMESTAMP);

--- a time beside a date
SELECT count(*) FROM staff WHERE seen >= DATE '2020-01-01';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "seen" >= CAST('2020-01-01 00:00:00' AS TIMESTAMP);

--- a time before 1970
SELECT count(*) FROM staff WHERE seen BETWEEN '1969-12-31' AND '1970-01-01 00:00:00';
=>
SELECT COUNT(*) AS "a0" FROM "staff" WHERE "seen" BETWEEN CAST('1969-12-31 00:00:00' AS TIMESTAMP) AND CAST('1970-01-01 00:00:00' AS TIMESTAMP);
