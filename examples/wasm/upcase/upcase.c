// upcase copies its input to its output in upper case, line by line. It is a plain C program: nothing
// in it knows of wnode. With an argument it ends with that number as its exit code.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  int c;
  while ((c = getchar()) != EOF) {
    putchar(toupper(c));
    if (c == '\n') fflush(stdout);
  }
  return argc > 1 ? atoi(argv[1]) : 0;
}
