-- A database in a file, which the next program reads.
PRAGMA page_size = 1024;
CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE number (n INTEGER, square INTEGER, text TEXT);
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO number SELECT i, i * i, printf('%.*c', i % 200, 'x') FROM n;
CREATE INDEX by_text ON number (length(text), n);
INSERT INTO entry SELECT printf('key %05d', n * 7 % 3001), zeroblob(n % 300) FROM number;
DELETE FROM number WHERE n % 3 = 0;
SELECT count(*), sum(square), sum(length(text)) FROM number;
