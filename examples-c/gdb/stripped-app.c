// A program without symbols that crashes in a library without symbols (stripped-lib.c).
// Find: SIGSEGV in digit_at, called by number_in, parse_record, read_all, main: of these only parse_record has a name left; the others
// are module+offset, and the same frames as in the unstripped twin. Build: gcc -O1 stripped-app.c -L. -lstripped, then strip both
int parse_record(const char *record);

__attribute__((noinline)) static int read_all(const char **records, int count) {
  int sum = 0;
  for (int index = 0; index < count; index++)
    sum += parse_record(records[index]);
  return sum + 1;
}

int main(void) {
  const char *records[] = {"12", 0};
  return read_all(records, 2) + 1;
}
