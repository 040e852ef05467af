// A guest that divides by zero in a function which was inlined, fails in one that is called through a
// table, and overflows its stack: the functions that a test calls.

static volatile int zero;
static volatile int depth = 1 << 30;

static inline __attribute__((always_inline)) int divide(int a, int b) {
  return a / b;
}

__attribute__((noinline)) int sum(int n) {
  int total = 0;
  for (int i = 0; i < n; i++)
    total += divide(i, zero);
  return total;
}

__attribute__((export_name("_start"))) void start(void) { zero = sum(3) + 1; }

static int fails(int n) {
  if (n > zero)
    __builtin_trap();
  return n;
}

static int doubles(int n) { return 2 * n; }

static int (*volatile table[])(int) = {doubles, fails};

__attribute__((export_name("through_table"))) void through_table(void) {
  zero = table[0](1) - 2;
  zero = table[1](1);
}

__attribute__((noinline)) int dig(int n) {
  if (n == 0)
    return zero;
  return dig(n - 1) + zero; // which is read again, so that this is no loop
}

__attribute__((export_name("overflow"))) void overflow(void) { zero = dig(depth); }
