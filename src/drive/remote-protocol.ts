// Owns the packets of gdb's remote protocol, as far as vgdb speaks it: `$qRcmd,76#8f`. https://sourceware.org/gdb/current/onlinedocs/gdb.html/Remote-Protocol.html

/** A packet with its check sum, in hexadecimal digits and of the bytes modulo 256. The content needs no escapes. */
export function packet(content: string): string {
  let sum = 0;
  for (let at = 0; at < content.length; at++) sum = (sum + content.charCodeAt(at)) & 0xff;
  return `$${content}#${sum.toString(16).padStart(2, '0')}`;
}

/** A reader of packets in text that is cut anywhere; acknowledgements and check sums are not looked at: a pipe loses nothing. */
export function readPackets(): (text: string) => readonly string[] {
  let rest = '';
  return (text) => {
    rest += text;
    const packets: string[] = [];
    for (;;) {
      const start = rest.indexOf('$');
      const end = start < 0 ? -1 : rest.indexOf('#', start);
      if (end < 0 || end + 3 > rest.length) break;
      packets.push(spelledOut(rest.slice(start + 1, end)));
      rest = rest.slice(end + 3);
    }
    return packets;
  };
}

/** valgrind shortens runs: `3* ` is `3333`, the character after the asterisk being 29 more than how often it comes again. */
function spelledOut(content: string): string {
  return content.replace(/([^*])\*([ -~])/g, (_, repeated: string, count: string) =>
    repeated.repeat(1 + count.charCodeAt(0) - 29),
  );
}
