/* The floor for a command of ayl_beanstalk: the least C that asks for the tubes and prints them.
 *
 *     list_floor SOCKET
 *
 * benches/latency.rs builds and runs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 2) return 64;
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address)) return 1;
    if (write(server, "list-tubes\r\n", 12) != 12) return 1;
    static char reply[1 << 16];
    size_t length = 0;
    for (;;) {
        ssize_t some = read(server, reply + length, sizeof reply - 1 - length);
        if (some <= 0) return 1;
        length += (size_t)some;
        /* OK BYTES\r\n, so many bytes, \r\n */
        char *body = memchr(reply, '\n', length);
        if (body && length >= (size_t)(body + 1 - reply) + strtoul(reply + 3, 0, 10) + 2) break;
    }
    for (char *line = strtok(reply, "\n"); line; line = strtok(0, "\n"))
        if (line[0] == '-' && line[1] == ' ') printf(" %s\n", line);
    return 0;
}
