int shared_table[4] = {1, 2, 3, 4};
int other();
int main() { return other() + shared_table[0] - 1 - 5; }
