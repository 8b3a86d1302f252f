/* The floor for putting jobs: the least C that can be called a client.
 *
 *     put_floor PORT TUBE JOBS WINDOW BODY
 *
 * Writes WINDOW ready-made commands, reads as many lines, and so on; prints jobs per
 * second. benches/queue.rs builds and runs it.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int server;

static void put(const char *bytes, size_t length) {
    while (length) {
        ssize_t written = write(server, bytes, length);
        if (written <= 0) exit(1);
        bytes += written;
        length -= (size_t)written;
    }
}

/* Reads until so many lines have ended. */
static void lines(long count) {
    static char buffer[1 << 18];
    while (count > 0) {
        ssize_t length = read(server, buffer, sizeof buffer);
        if (length <= 0) exit(1);
        for (ssize_t i = 0; i < length; i++) count -= buffer[i] == '\n';
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 64;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    long jobs = atol(argv[3]), window = atol(argv[4]);
    int one = 1;
    server = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(server, (struct sockaddr *)&address, sizeof address)) return 1;
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char command[1024];
    put(command, (size_t)snprintf(command, sizeof command, "use %s\r\n", argv[2]));
    lines(1);
    int length = snprintf(command, sizeof command, "put 512 0 120 %zu\r\n%s\r\n", strlen(argv[5]), argv[5]);
    char *batch = malloc((size_t)length * (size_t)window);
    for (long i = 0; i < window; i++) memcpy(batch + i * length, command, (size_t)length);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (long left = jobs; left > 0; left -= window) {
        long some = left < window ? left : window;
        put(batch, (size_t)(some * length));
        lines(some);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    printf("%.0f\n", (double)jobs / seconds);
    return 0;
}
