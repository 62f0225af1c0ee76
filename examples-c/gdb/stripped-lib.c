// The library of stripped-app.c: parse_record is exported, what it calls is not.
// Find: see stripped-app.c. Build: gcc -O1 -fPIC -shared -o libstripped.so, then strip
__attribute__((noinline)) static int digit_at(const char *text, int index) {
  return text[index] - '0'; /* <- SIGSEGV */
}

__attribute__((noinline)) static int number_in(const char *text) {
  int number = 0;
  for (int index = 0; index < 2; index++)
    number = number * 10 + digit_at(text, index);
  return number + 1;
}

int parse_record(const char *record) {
  return number_in(record) + 1;
}
