/*
 * The shell of the images that real builds run in: `sh -c TEXT`. Of all words it knows two: `>PATH` writes the text of
 * the command to a file, whose directories it makes; `<PATH` adds what a file holds to every output after it. Here-documents are nothing to it.
 * Built by: gcc -Os -static -nostdlib -ffreestanding -fno-builtin -fno-stack-protector -fno-asynchronous-unwind-tables
 *   -fcf-protection=none -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-N -s -o sh sh.c
 */
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, EXIT = 60, MKDIR = 83 };
enum { CREATE_TRUNCATE_WRITE = 01101 };

static char held[65536];
static long holds;

static int is_end(char c) { return c == 0 || c == ' ' || c == '\n' || c == '\t'; }

static void hold(const char *path) {
  long file = call(OPEN, (long)path, 0, 0);
  if (file < 0) call(EXIT, 3, 0, 0);
  for (long got; (got = call(READ, file, (long)(held + holds), sizeof held - holds)) > 0;) holds += got;
  call(CLOSE, file, 0, 0);
}

static void output(char *path, const char *text, long length) {
  for (char *at = path + 1; *at; at++) {
    if (*at != '/') continue;
    *at = 0;
    call(MKDIR, (long)path, 0755, 0);
    *at = '/';
  }
  long file = call(OPEN, (long)path, CREATE_TRUNCATE_WRITE, 0644);
  if (file < 0) call(EXIT, 4, 0, 0);
  call(WRITE, file, (long)text, length);
  call(WRITE, file, (long)held, holds);
  call(CLOSE, file, 0, 0);
}

static void run(const char *text) {
  char path[4096];
  long length = 0;
  while (text[length]) length++;
  for (const char *at = text; *at; at++) {
    if ((*at != '<' && *at != '>') || (at != text && !is_end(at[-1])) || is_end(at[1]) || at[1] == *at) continue;
    long n = 0;
    while (!is_end(at[1 + n]) && n < 4095) { path[n] = at[1 + n]; n++; }
    path[n] = 0;
    if (*at == '<') hold(path); else output(path, text, length);
  }
}

__attribute__((naked, used)) void _start(void) { __asm__("mov %rsp, %rdi\n and $-16, %rsp\n call begin"); }

__attribute__((used)) void begin(long *stack) {
  char **arguments = (char **)(stack + 1);
  if (stack[0] > 2) run(arguments[2]);
  call(EXIT, 0, 0, 0);
}
