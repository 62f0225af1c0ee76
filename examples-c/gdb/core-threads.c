// Three threads: two wait, the third calls a function of a pointer that is NULL.
// Its core must tell SIGSEGV at 0x0 with SEGV_MAPERR, three threads, and that the first of them stands in `store`.
#include <pthread.h>
#include <unistd.h>

static volatile int ready;

static void *wait_for_ever(void *unused)
{
    ready = 1;
    for (;;)
        pause();
    return unused;
}

__attribute__((noinline)) void store(int *place)
{
    *place = 1; // <- SIGSEGV
}

static void *fail(void *place)
{
    while (!ready)
        usleep(1000);
    usleep(20000);
    store(place);
    return place;
}

int main(void)
{
    pthread_t waiting, failing;
    pthread_create(&waiting, 0, wait_for_ever, 0);
    pthread_create(&failing, 0, fail, 0);
    pthread_join(failing, 0);
    return 0;
}
