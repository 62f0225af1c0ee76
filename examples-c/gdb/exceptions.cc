// Ends by std::terminate or by abort(3), in the way that its word says.
// Find: SIGABRT, and of `thrown` to `twice` the type and the text of the exception that nobody catches; of `handled` one that was
// caught; of `own-what` and `number` the type alone; of the others none, although `joinable` and `pure` end by std::terminate too.
// Build: g++ -g -O0 -pthread
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace store {
struct NoTable : std::logic_error {
  using std::logic_error::logic_error;
};
}  // namespace store

/* what() is not what std::runtime_error has. */
struct OwnWhat : std::runtime_error {
  OwnWhat() : std::runtime_error("of the base") {}
  const char *what() const noexcept override { return "of its own"; }
};

/* The std::runtime_error does not lie at the start of the object. */
struct Numbered {
  virtual ~Numbered() = default;
  long number = 7;
};
struct SecondBase : Numbered, std::range_error {
  SecondBase() : std::range_error("in the second base") {}
};

struct Shape {
  Shape() { draw(); }
  void draw() { paint(); }
  virtual void paint() = 0;
};
struct Circle : Shape {
  void paint() override {}
};

static void keep(int number) noexcept {
  if (number > 0) throw std::runtime_error("out of a noexcept");
}

int main(int count, char **words) {
  const char *how = count > 1 ? words[1] : "thrown";
  auto is = [how](const char *name) { return strcmp(how, name) == 0; };
  if (is("thrown")) throw std::runtime_error("no such table");
  if (is("late")) {
    /* The exception lies behind more of the heap than is kept of it. */
    for (int block = 0; block < 300; block++) malloc(100000);
    throw std::runtime_error("late");
  }
  if (is("own")) throw store::NoTable("a text of more than sixteen bytes\nin two lines");
  if (is("second-base")) throw SecondBase();
  if (is("literal")) throw "a literal";
  if (is("string")) throw std::string("a string");
  if (is("stream")) {
    std::ifstream file;
    file.exceptions(std::ios::failbit);
    file.open("/nonexistent");
  }
  if (is("noexcept")) keep(count);
  if (is("thread")) std::thread([] { throw std::out_of_range("in a thread"); }).join();
  try {
    throw std::runtime_error("first");
  } catch (const std::runtime_error &) {
    if (is("rethrown")) throw;
    if (is("twice")) throw std::logic_error("second");
    if (is("handled")) std::terminate();
    if (is("abort")) abort();
    if (is("pointer")) std::rethrow_exception(std::current_exception());
  }
  if (is("own-what")) throw OwnWhat();
  if (is("number")) throw 42;
  if (is("joinable")) std::thread left([] {});
  if (is("pure")) Circle();
}
