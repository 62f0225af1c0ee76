int shared_table[8] = {5};
int other() { return shared_table[0]; }
