// A CGI program that holds its whole page in memory, 64 bytes for each row that the query asks for, before it sends any of it.
// replay memcheck: http://localhost/cgi-bin/whole-page?rows=100
// outcome memcheck: clean, status 0
//
// replay massif: whole-page.txt
// outcome massif: clean, status 0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { row_length = 64 };

static char *make_page(size_t rows) {
  char *page = malloc(rows * row_length + 1);
  if (page == NULL) return NULL;
  for (size_t row = 0; row < rows; row++) {
    snprintf(page + row * row_length, row_length + 1, "%0*zu\n", row_length - 1, row);
  }
  page[rows * row_length] = '\0';
  return page;
}

int main(void) {
  const char *query = getenv("QUERY_STRING");
  size_t rows = query != NULL && strncmp(query, "rows=", 5) == 0 ? strtoul(query + 5, NULL, 10) : 1;
  char *page = rows > 100000 ? NULL : make_page(rows);
  if (page == NULL) {
    printf("Status: 400 Bad Request\r\nContent-Type: text/plain\r\n\r\ntoo many rows\n");
    return 0;
  }
  printf("Content-Type: text/plain\r\n\r\n%s", page);
  free(page);
  return 0;
}
