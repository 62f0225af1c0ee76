// Writes a member of an object that is not there: SIGSEGV at address 0x8 in set_length, called by main.
// Find: `set_length`, a write of 4 bytes, pointer `near null`; value 12 in the caller. Build: gcc -g -O0
struct text {
  char *start;
  int length;
};

__attribute__((noinline)) static void set_length(struct text *text, int length) {
  text->length = length; /* <- SIGSEGV */
}

int main(void) {
  struct text *volatile missing = 0;
  set_length(missing, 12);
  return 0;
}
