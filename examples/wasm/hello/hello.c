// hello is a plain C program: nothing in it knows of wnode.

#include <stdio.h>

int main(void) {
  printf("Hello from WebAssembly!\n");
  return 0;
}
