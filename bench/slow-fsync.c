/* Preloaded: each fsync and fdatasync takes PETREL_BENCH_FSYNC_US longer, as on a disk that is slower than ours. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void linger(void) {
  const char *text = getenv("PETREL_BENCH_FSYNC_US");
  if (text != NULL) usleep((useconds_t)atoi(text));
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  linger();
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  linger();
  return real(fd);
}
