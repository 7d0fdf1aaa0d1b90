/* What the machine gives us: open files, and the two ports. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ops/doctor.h"

enum { FILES_FAIL = 1024, FILES_WARN = 16384, ANSWER_S_MAX = 2 };

static void check_files(struct doctor *d)
{
    struct rlimit limit;
    unsigned long long hard;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    hard = limit.rlim_max == RLIM_INFINITY ? 1048576 : (unsigned long long)limit.rlim_max;
    doctor_says(d,
                hard < FILES_FAIL   ? FINDING_FAIL
                : hard < FILES_WARN ? FINDING_WARN
                                    : FINDING_OK,
                "open files",
                hard < FILES_WARN
                    ? "raise the hard limit (LimitNOFILE=65536, ulimit -Hn): each socket is a file"
                    : NULL,
                "up to %llu", hard);
}

/* A Ringback answers on its admin port; anything else that holds a port is in the way. */
static bool answers_health(const struct sockaddr *address, socklen_t size)
{
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct timeval patience = {.tv_sec = ANSWER_S_MAX};
    char answer[16] = "";
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ok = connect(fd, address, size) == 0 &&
         send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 &&
         recv(fd, answer, sizeof answer - 1, 0) >= 12 && strncmp(answer, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return ok;
}

/* 0: free; else errno. Without SO_REUSEPORT: a Ringback that listens with it must be noticed too.
 */
static int try_bind(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc, one = 1;

    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    rc = bind(fd, address, size) == 0 && listen(fd, 1) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

static bool resolve(const char *setting, struct sockaddr_storage *out, socklen_t *size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found;
    char host[256], port[8];
    unsigned number;

    if (!config_address(setting, host, sizeof host, &number))
        return false;
    snprintf(port, sizeof port, "%u", number);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    *size = found->ai_addrlen;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static void check_port(struct doctor *d, const char *what, const char *setting, bool ours_runs)
{
    struct sockaddr_storage address;
    socklen_t size;
    int rc;

    if (!resolve(setting, &address, &size)) {
        doctor_says(d, FINDING_FAIL, what, "give an address of this machine",
                    "%s is no address that can be listened on", setting);
        return;
    }
    rc = try_bind((struct sockaddr *)&address, size);
    if (rc == 0)
        doctor_says(d, FINDING_OK, what, NULL, "%s is free", setting);
    else if (rc == EADDRINUSE && ours_runs)
        doctor_says(d, FINDING_OK, what, NULL, "%s is taken, and a Ringback is running here",
                    setting);
    else if (rc == EADDRINUSE)
        doctor_says(d, FINDING_FAIL, what,
                    "stop that program, choose another port, or name the admin port of the "
                    "Ringback that runs here",
                    "%s is taken, and no Ringback answers on the admin port", setting);
    else
        doctor_says(d, FINDING_FAIL, what,
                    rc == EACCES ? "ports below 1024 need CAP_NET_BIND_SERVICE"
                                 : "choose another address",
                    "%s cannot be listened on: %s", setting, strerror(rc));
}

void doctor_check_host(struct doctor *d)
{
    struct sockaddr_storage admin;
    socklen_t size;
    bool ours = resolve(CONFIG_TEXT(d->config, ADMIN_LISTEN), &admin, &size) &&
                answers_health((struct sockaddr *)&admin, size);

    check_files(d);
    check_port(d, "port", CONFIG_TEXT(d->config, LISTEN), ours);
    check_port(d, "admin port", CONFIG_TEXT(d->config, ADMIN_LISTEN), ours);
}
