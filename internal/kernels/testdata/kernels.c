// Small programs whose time with and without metering is compared. Each is a function from a size
// to a checksum, and takes some milliseconds.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(name)))

static u8 memory[4 << 20];
static u32 seed;

static u32 next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

static void shuffle_bytes(u8 *at, u32 n) {
  seed = 1;
  for (u32 i = 0; i < n; i++) at[i] = (u8)next();
}

// Calls without loops.
__attribute__((noinline)) static u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
EXPORT("fib") u32 fib(u32 n) { return fibonacci(n); }

EXPORT("sieve") u32 sieve(u32 n) {
  u32 count = 0;
  for (u32 i = 0; i < n; i++) memory[i] = 1;
  for (u32 i = 2; i < n; i++) {
    if (!memory[i]) continue;
    count++;
    for (u32 j = 2 * i; j < n; j += i) memory[j] = 0;
  }
  return count;
}

EXPORT("matmul") u32 matmul(u32 n) {
  double *a = (double *)memory, *b = a + n * n, *c = b + n * n;
  for (u32 i = 0; i < n * n; i++) a[i] = i % 7, b[i] = i % 5;
  for (u32 i = 0; i < n; i++)
    for (u32 j = 0; j < n; j++) {
      double sum = 0;
      for (u32 k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
  return (u32)c[n * n / 2];
}

static const u32 round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static u32 rotate(u32 x, int n) { return x >> n | x << (32 - n); }

__attribute__((noinline)) static void sha256_block(u32 *h, const u8 *in) {
  u32 w[64], v[8];
  for (int i = 0; i < 16; i++) w[i] = (u32)in[4 * i] << 24 | in[4 * i + 1] << 16 | in[4 * i + 2] << 8 | in[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  for (int i = 0; i < 8; i++) v[i] = h[i];
  for (int i = 0; i < 64; i++) {
    u32 s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    u32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i];
    u32 s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    u32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (int j = 7; j > 0; j--) v[j] = v[j - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) h[i] += v[i];
}

EXPORT("sha256") u32 sha256(u32 n) {
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  shuffle_bytes(memory, 4096);
  for (u32 i = 0; i < n; i++) sha256_block(h, memory + (i * 64) % 4096);
  return h[0];
}

// A machine with a switch in a loop.
__attribute__((noinline)) static u32 run(const u8 *program, u32 n) {
  u32 a = 1, b = n, c = 0, at = 0;
  for (;;) {
    switch (program[at++]) {
      case 1: a += b; break;
      case 2: a ^= c; break;
      case 3: c += a >> 3; break;
      case 4: b = b * 5 + 1; break;
      case 5: memory[a & 1023] = (u8)c; break;
      case 6: c += memory[b & 1023]; break;
      case 7: a = a << 1 | a >> 31; break;
      default:
        at = 0;
        if (n-- == 0) return a ^ b ^ c;
    }
  }
}

// A program that is too long for the processor to learn by heart, and one that is not.
EXPORT("interp") u32 interp(u32 n) {
  u8 *program = memory + 4096;
  seed = 9;
  for (u32 i = 0; i < 1023; i++) program[i] = 1 + next() % 7;
  program[1023] = 0;
  return run(program, n);
}

EXPORT("interp16") u32 interp16(u32 n) {
  static const u8 program[] = {1, 2, 3, 7, 4, 5, 3, 6, 1, 7, 2, 5, 4, 6, 3, 0};
  return run(program, n);
}

typedef int compare(const void *, const void *);

static int by_value(const void *a, const void *b) {
  u32 x = *(const u32 *)a, y = *(const u32 *)b;
  return x < y ? -1 : x > y;
}

static compare *volatile order = by_value; // so that calls are indirect

static void quicksort(u32 *a, int from, int to, compare *cmp) {
  while (from < to) {
    u32 pivot = a[(from + to) / 2];
    int i = from, j = to;
    while (i <= j) {
      while (cmp(&a[i], &pivot) < 0) i++;
      while (cmp(&a[j], &pivot) > 0) j--;
      if (i <= j) {
        u32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    quicksort(a, from, j, cmp);
    from = i;
  }
}

EXPORT("qsort") u32 sort(u32 n) {
  u32 *a = (u32 *)memory;
  seed = 7;
  for (u32 i = 0; i < n; i++) a[i] = next();
  quicksort(a, 0, (int)n - 1, order);
  return a[n / 2];
}

__attribute__((noinline)) static u32 length(const char *s) {
  u32 n = 0;
  while (s[n]) n++;
  return n;
}

EXPORT("strlen") u32 strings(u32 n) {
  u32 sum = 0;
  for (u32 i = 0; i < 4096; i++) memory[i] = i % 61 ? 'a' : 0;
  for (u32 i = 0; i < n; i++) sum += length((char *)memory + i % 4000);
  return sum;
}

EXPORT("mandel") u32 mandel(u32 n) {
  u32 sum = 0;
  for (u32 y = 0; y < n; y++)
    for (u32 x = 0; x < n; x++) {
      double cr = 3.0 * x / n - 2, ci = 2.0 * y / n - 1, r = 0, i = 0;
      u32 k = 0;
      while (k < 100 && r * r + i * i < 4) {
        double t = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = t;
        k++;
      }
      sum += k;
    }
  return sum;
}

EXPORT("nbody") u32 nbody(u32 n) {
  double p[5][3], v[5][3], m[5];
  for (int i = 0; i < 5; i++) {
    m[i] = 1 + i;
    for (int k = 0; k < 3; k++) p[i][k] = i * 3 + k * (i + 1), v[i][k] = 0;
  }
  for (u32 step = 0; step < n; step++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double d[3], r = 0.01;
        for (int k = 0; k < 3; k++) d[k] = p[i][k] - p[j][k], r += d[k] * d[k];
        double f = 0.001 / (r * __builtin_sqrt(r));
        for (int k = 0; k < 3; k++) v[i][k] -= d[k] * m[j] * f, v[j][k] += d[k] * m[i] * f;
      }
    for (int i = 0; i < 5; i++)
      for (int k = 0; k < 3; k++) p[i][k] += 0.001 * v[i][k];
  }
  return (u32)(p[0][0] * 1e6);
}

EXPORT("hashmap") u32 hashmap(u32 n) {
  u32 *keys = (u32 *)memory, *values = keys + (1 << 16), found = 0;
  for (u32 i = 0; i < 1 << 16; i++) keys[i] = 0;
  seed = 3;
  for (u32 i = 0; i < n; i++) {
    u32 key = next() % 40000 + 1, slot = key * 2654435769u >> 16;
    while (keys[slot] && keys[slot] != key) slot = (slot + 1) & 0xffff;
    if (keys[slot]) found++;
    keys[slot] = key;
    values[slot] += i;
  }
  return found;
}

EXPORT("crc32") u32 crc32(u32 n) {
  u32 *table = (u32 *)(memory + (1 << 20));
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    table[i] = c;
  }
  shuffle_bytes(memory, 1 << 12);
  u32 crc = ~0u;
  for (u32 i = 0; i < n; i++) crc = crc >> 8 ^ table[(crc ^ memory[i & 4095]) & 255];
  return ~crc;
}

static u32 place_queens(u32 all, u32 columns, u32 left, u32 right) {
  if (columns == all) return 1;
  u32 count = 0;
  for (u32 free = all & ~(columns | left | right); free;) {
    u32 bit = free & -free;
    free ^= bit;
    count += place_queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
  }
  return count;
}

EXPORT("queens") u32 queens(u32 n) { return place_queens((1u << n) - 1, 0, 0, 0); }

EXPORT("levenshtein") u32 levenshtein(u32 n) {
  u8 *a = memory, *b = memory + n;
  u32 *row = (u32 *)(memory + 65536);
  shuffle_bytes(memory, 2 * n);
  for (u32 j = 0; j <= n; j++) row[j] = j;
  for (u32 i = 1; i <= n; i++) {
    u32 corner = row[0];
    row[0] = i;
    for (u32 j = 1; j <= n; j++) {
      u32 best = corner + ((a[i - 1] & 3) != (b[j - 1] & 3));
      corner = row[j];
      if (corner + 1 < best) best = corner + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
    }
  }
  return row[n];
}

struct tree {
  struct tree *left, *right;
};

static struct tree *grow(struct tree **heap, u32 depth) {
  struct tree *t = (*heap)++;
  t->left = depth ? grow(heap, depth - 1) : 0;
  t->right = depth ? grow(heap, depth - 1) : 0;
  return t;
}

static u32 leaves(const struct tree *t) { return t->left ? leaves(t->left) + leaves(t->right) : 1; }

EXPORT("trees") u32 trees(u32 n) {
  u32 sum = 0;
  for (u32 i = 0; i < n; i++) {
    struct tree *heap = (struct tree *)memory;
    sum += leaves(grow(&heap, 12));
  }
  return sum;
}

// Compresses by looking for repetitions: loops with short inner loops.
EXPORT("compress") u32 compress(u32 n) {
  u8 *in = memory, *out = memory + (1 << 20);
  u32 *heads = (u32 *)(memory + (2 << 20)), size = 0;
  seed = 5;
  for (u32 i = 0; i < n; i++) in[i] = "abcdefgh"[next() % 3 + (i >> 10) % 5];
  for (u32 i = 0; i < 4096; i++) heads[i] = 0;
  for (u32 i = 0; i + 4 < n;) {
    u32 hash = (in[i] | in[i + 1] << 8 | in[i + 2] << 16) * 2654435761u >> 20, from = heads[hash], run = 0;
    heads[hash] = i;
    if (from < i)
      while (i + run < n && run < 255 && in[from + run] == in[i + run]) run++;
    if (run > 3) {
      out[size++] = 0, out[size++] = (u8)run, out[size++] = (u8)(i - from);
      i += run;
    } else {
      out[size++] = in[i++];
    }
  }
  return size;
}

// Copies in bulk, of lengths from small to large.
EXPORT("copy") u32 copy(u32 n) {
  for (u32 i = 0; i < n; i++) {
    u32 size = 16u << (i % 8);
    __builtin_memcpy(memory + (1 << 20) + i % 97, memory + i % 89, size);
    __builtin_memset(memory + i % 83, (int)i, size / 2);
  }
  return memory[1 << 20];
}

// Floating point in nested loops with a call in the innermost.
__attribute__((noinline)) static double cell(u32 i, u32 j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

EXPORT("spectral") u32 spectral(u32 n) {
  double *u = (double *)memory, *v = u + n;
  for (u32 i = 0; i < n; i++) u[i] = 1;
  for (u32 round = 0; round < 4; round++) {
    for (u32 i = 0; i < n; i++) {
      v[i] = 0;
      for (u32 j = 0; j < n; j++) v[i] += cell(i, j) * u[j];
    }
    for (u32 i = 0; i < n; i++) u[i] = v[i];
  }
  return (u32)(u[1] * 1e6);
}
