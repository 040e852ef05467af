// sql runs the SQL that it reads from standard input, on a database that is in memory unless an argument names a
// file, and prints the rows. It is SQLite as a WASI command.

#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

sqlite3_vfs *sqlite3_demovfs(void);

// What SQLITE_OS_OTHER leaves to the program: files by way of a few functions that WASI has too, without locks.
int sqlite3_os_init(void) { return sqlite3_vfs_register(sqlite3_demovfs(), 1); }

int sqlite3_os_end(void) { return SQLITE_OK; }

static int print_row(void *unused, int columns, char **values, char **names) {
  (void)unused;
  (void)names;
  for (int i = 0; i < columns; i++) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
  putchar('\n');
  return 0;
}

static char *read_all(FILE *from) {
  size_t size = 0, room = 1 << 16;
  char *text = malloc(room);
  while (text) {
    size += fread(text + size, 1, room - size - 1, from);
    if (size < room - 1) {
      text[size] = 0;
      return text;
    }
    text = realloc(text, room *= 2);
  }
  return NULL;
}

int main(int argc, char **argv) {
  sqlite3 *db;
  char *text = read_all(stdin), *error = NULL;
  if (!text || sqlite3_open(argc > 1 ? argv[1] : ":memory:", &db) != SQLITE_OK) {
    fprintf(stderr, "sql: cannot open the database\n");
    return 2;
  }
  int code = sqlite3_exec(db, text, print_row, NULL, &error);
  if (code != SQLITE_OK) fprintf(stderr, "sql: %s\n", error);
  sqlite3_close(db);
  return code == SQLITE_OK ? 0 : 1;
}
