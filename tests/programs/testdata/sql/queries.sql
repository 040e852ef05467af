-- Joins, aggregates, windows, recursion, triggers, transactions, indices.
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, city TEXT);
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL CHECK (price > 0));
CREATE TABLE purchase (customer INTEGER REFERENCES customer, item INTEGER REFERENCES item, pieces INTEGER, day INTEGER);
CREATE TABLE log (what TEXT);
CREATE TRIGGER large AFTER INSERT ON purchase WHEN new.pieces > 95 BEGIN
  INSERT INTO log VALUES (printf('%d pieces of %d', new.pieces, new.item));
END;

BEGIN;
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO customer SELECT i, printf('customer %03d', i), substr('AthensBerlinDublinLisbonLondon', i % 5 * 6 + 1, 6) FROM n;
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)
INSERT INTO item SELECT i, char(65 + i % 26) || i, round(i * 1.37, 2) FROM n;
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO purchase SELECT i * 7919 % 500 + 1, i * 104729 % 100 + 1, i * 31 % 97 + 1, i % 365 FROM n;
COMMIT;

SELECT city, count(*), sum(pieces * price), avg(price), min(customer.name)
  FROM purchase JOIN customer ON customer = customer.id JOIN item ON item = item.id
  GROUP BY city HAVING count(*) > 10 ORDER BY 3 DESC;
CREATE INDEX by_day ON purchase (day, customer);
EXPLAIN QUERY PLAN SELECT * FROM purchase WHERE day = 7 AND customer > 400;
SELECT day, customer, pieces, sum(pieces) OVER (PARTITION BY day ORDER BY customer, pieces), rank() OVER (ORDER BY pieces DESC)
  FROM purchase WHERE day IN (7, 11) ORDER BY day, customer, pieces LIMIT 20;
SELECT name FROM customer WHERE NOT EXISTS (SELECT 1 FROM purchase WHERE customer = customer.id AND day = 3) ORDER BY 1 DESC LIMIT 5;
SELECT item.name, c.name, max(pieces) FROM item LEFT JOIN purchase ON item = item.id LEFT JOIN customer c ON c.id = customer
  GROUP BY item.id ORDER BY max(pieces) DESC, item.id LIMIT 8;
SELECT count(*), count(DISTINCT what) FROM log;

SAVEPOINT before;
DELETE FROM purchase WHERE pieces % 2;
UPDATE item SET price = price * 2 WHERE name GLOB 'A*' OR name LIKE '%7';
SELECT total(price), (SELECT count(*) FROM purchase) FROM item;
ROLLBACK TO before;
RELEASE before;
SELECT total(price), (SELECT count(*) FROM purchase) FROM item;
INSERT INTO customer VALUES (1, 'somebody else', 'Rome') ON CONFLICT (id) DO UPDATE SET city = excluded.city RETURNING *;

SELECT json_group_array(json_object('city', city, 'n', n)) FROM (SELECT city, count(*) n FROM customer GROUP BY city ORDER BY city);
SELECT key, value FROM json_each('{"a": 1, "b": [true, null, "x"]}');
SELECT quote(x'00ff'), hex(zeroblob(4)), typeof(9223372036854775807 + 1), 7 / 2, 7 % -2, 1e300 * 1e10, 'a' || NULL, round(sqrt(2), 12);
SELECT strftime('%Y-%W %j', '2026-11-23'), julianday('2000-01-01'), unixepoch('2026-11-23 12:00');

CREATE VIRTUAL TABLE page USING fts5 (title, body);
INSERT INTO page VALUES ('one', 'the quick brown fox'), ('two', 'a lazy dog and a quick cat'), ('three', 'nothing to see');
SELECT title, highlight(page, 1, '[', ']'), round(bm25(page), 6) FROM page WHERE page MATCH 'quick NOT dog OR lazy' ORDER BY rank;

-- A picture by recursion.
WITH RECURSIVE
  x(v) AS (VALUES (-2.0) UNION ALL SELECT v + 0.05 FROM x WHERE v < 1.2),
  y(v) AS (VALUES (-1.0) UNION ALL SELECT v + 0.1 FROM y WHERE v < 1.0),
  m(n, cx, cy, x, y) AS (
    SELECT 0, x.v, y.v, 0.0, 0.0 FROM x, y
    UNION ALL SELECT n + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m WHERE x * x + y * y < 4.0 AND n < 28),
  steps(n, cx, cy) AS (SELECT max(n), cx, cy FROM m GROUP BY cx, cy),
  line(cy, t) AS (SELECT cy, group_concat(substr(' .+*#', 1 + min(n / 7, 4), 1), '') FROM steps GROUP BY cy)
SELECT rtrim(t) FROM line;

-- The queens on a board of six by six.
WITH RECURSIVE
  place(c) AS (VALUES (1) UNION ALL SELECT c + 1 FROM place WHERE c < 6),
  board(row, text) AS (
    VALUES (0, '')
    UNION ALL SELECT row + 1, text || c FROM board, place WHERE row < 6 AND NOT EXISTS (
      SELECT 1 FROM place p WHERE p.c <= row AND (substr(text, p.c, 1) + 0 = c OR abs(substr(text, p.c, 1) - c) = row + 1 - p.c)))
SELECT text FROM board WHERE row = 6;
SELECT no_such_column FROM item;
