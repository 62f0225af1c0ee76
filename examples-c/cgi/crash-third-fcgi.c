// A FastCGI program that writes to address 0 when its third request comes.
// replay memcheck: paths.txt
// expect memcheck: InvalidWrite at note_request, request 3
// outcome memcheck: findings
#include <fcgi_stdio.h>
#include <stdlib.h>

static char first[32];
static char second[32];
static char *notes[] = {first, second, NULL};

static void note_request(int number) {
  char *note = notes[(number - 1) % 3];
  note[0] = 'x'; // <- InvalidWrite
}

int main(void) {
  for (int number = 1; FCGI_Accept() >= 0; number++) {
    note_request(number);
    printf("Content-Type: text/plain\r\n\r\nrequest %d\n", number);
  }
  return 0;
}
