// Sends a netlink message as the article shows it. Its text of 13 bytes is padded to 16, and nobody wrote the padding.
// expect memcheck: SyscallParam at main
// outcome memcheck: findings, exited 0, status 100
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  static const char text[13] = "Hello kernel";
  struct nlmsghdr *header = malloc(NLMSG_SPACE(sizeof text));
  header->nlmsg_len = NLMSG_SPACE(sizeof text);
  header->nlmsg_type = NLMSG_NOOP; /* every netlink family takes it and does nothing */
  header->nlmsg_flags = 0;
  header->nlmsg_seq = 0;
  header->nlmsg_pid = getpid();
  memcpy(NLMSG_DATA(header), text, sizeof text);

  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct iovec part = {.iov_base = header, .iov_len = header->nlmsg_len};
  struct msghdr message = {
      .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &part, .msg_iovlen = 1};
  sendmsg(fd, &message, 0); // <- SyscallParam
  close(fd);
  free(header);
  return 0;
}
